// Asks for everything that a machine could answer, and logs what it gets: the same in every task, run and build.
package main

import (
	"crypto/rand"
	"errors"
	"fmt"
	"math"
	mathrand "math/rand"
	randv2 "math/rand/v2"
	"net"
	"os"
	"runtime"
	"strings"
	"sync"
	"time"

	"backtest"
	"backtest/log"
	"backtest/signals"
)

func describe() backtest.Description {
	return backtest.Description{
		Name:    "determinism",
		Version: "1.0.0",
		Summary: "Asks the machine.",
		Parameters: []backtest.Parameter{
			backtest.Text("ask", "what for", "all").OneOf("all", "deadlock", "exit", "index", "map", "nil", "deep", "busy"),
			backtest.Integer("task", "of no effect", 0),
		},
	}
}

type asker struct{ prepared string }

func prepare([]backtest.Series) (asker, error) {
	return asker{fmt.Sprint(keys(), randv2.IntN(1000), time.Now().UnixNano())}, nil
}

func (a asker) Evaluate(params backtest.Params, targets *signals.Targets) error {
	switch params.Text("ask") {
	case "deadlock":
		<-make(chan int)
	case "exit":
		os.Exit(7)
	case "index":
		log.Infof("%d", []int{1, 2, 3}[params.Integer("task")+3])
	case "map":
		var none map[string]int
		none["one"] = 1
	case "nil":
		var none *asker
		log.Infof("%s", none.prepared)
	case "deep":
		log.Infof("%d", deep(math.MaxInt))
	case "busy":
		for since := time.Now(); time.Since(since) < time.Second; {
		}
	default:
		a.all()
	}
	return nil
}

func deep(n int) int {
	if n == 0 {
		return 0
	}
	return 1 + deep(n-1)
}

func (a asker) all() {
	log.Infof("prepared: %s", a.prepared)
	log.Infof("map: %s", keys())
	log.Infof("math/rand: %d %d", mathrand.Intn(1000), randv2.IntN(1000))
	secret := make([]byte, 4)
	_, err := rand.Read(secret)
	log.Infof("crypto/rand: %x %v", secret, err)
	log.Infof("time: %s", time.Now().Format(time.RFC3339Nano))
	before := time.Now()
	time.Sleep(90 * time.Minute)
	log.Infof("sleep: %s", time.Since(before))
	log.Infof("select: %s", chosen())
	log.Infof("goroutines: %s", together())
	select {
	case <-make(chan int):
	case <-time.After(time.Second):
		log.Infof("time.After: %s", time.Since(before))
	}
	log.Infof("environment: %q %q", os.Getenv("HOME"), os.Environ())
	log.Infof("arguments: %q", os.Args)
	_, err = os.Open("/etc/passwd")
	log.Infof("open: %v", err)
	err = os.WriteFile("x", nil, 0o600)
	log.Infof("write: %v", err)
	_, err = net.Dial("tcp", "127.0.0.1:80")
	log.Infof("dial: %v", err)
	host, err := os.Hostname()
	log.Infof("host: %q %v", host, err != nil)
	log.Infof("process: %d, %d processors", os.Getpid(), runtime.NumCPU())
	n, err := os.Stdin.Read(secret)
	log.Infof("standard input: %d %v", n, err)
	println("println")
	fmt.Print("no newline")
	defer func() { log.Infof("recovered: %v", recover()) }()
	panic(errors.New("within"))
}

// keys lists a map's keys as Go happens to.
func keys() string {
	var all strings.Builder
	for key := range map[string]bool{"a": true, "b": true, "c": true, "d": true, "e": true, "f": true, "g": true} {
		all.WriteString(key)
	}
	return all.String()
}

// chosen lists which of two ready channels a select takes.
func chosen() string {
	var all strings.Builder
	left, right := make(chan int, 1), make(chan int, 1)
	for range 12 {
		left <- 1
		right <- 1
		select {
		case <-left:
			all.WriteByte('l')
			<-right
		case <-right:
			all.WriteByte('r')
			<-left
		}
	}
	return all.String()
}

// together lists in which order goroutines come to write.
func together() string {
	var all []string
	var lock sync.Mutex
	var group sync.WaitGroup
	for i := range 6 {
		group.Go(func() {
			runtime.Gosched()
			lock.Lock()
			defer lock.Unlock()
			all = append(all, fmt.Sprint(i))
		})
	}
	group.Wait()
	return strings.Join(all, "")
}

func init() { signals.Export(describe, prepare) }

func main() {}
