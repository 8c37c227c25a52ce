package backtest

// Description is a plugin in its own words.
type Description struct {
	// Name is short, for example momentum.
	Name string
	// Version is that of the plugin, for example 1.2.0.
	Version string
	// Summary is one sentence for the user.
	Summary string
	// Parameters are all that the plugin takes, in the order in which tables show them.
	Parameters []Parameter
}

// Parameter is one parameter that a plugin takes. The host keeps its values within what is declared here.
type Parameter struct {
	// Name is a letter, then letters, digits and _.
	Name string
	// Doc is one line for the user: meaning and unit.
	Doc string
	// Default is the value where a grid leaves the parameter out: a bool, an int64, a float64 or a string.
	Default any
	// Minimum is the lowest value allowed, nil for none.
	Minimum *float64
	// Maximum is the highest value allowed, nil for none.
	Maximum *float64
	// Choices are all values allowed, of the type of Default; none means any.
	Choices []any
}

// Boolean declares a parameter that is true or false.
func Boolean(name, doc string, value bool) Parameter {
	return Parameter{Name: name, Doc: doc, Default: value}
}

// Integer declares a parameter that is a whole number.
func Integer(name, doc string, value int64) Parameter {
	return Parameter{Name: name, Doc: doc, Default: value}
}

// Number declares a parameter that is a real number.
func Number(name, doc string, value float64) Parameter {
	return Parameter{Name: name, Doc: doc, Default: value}
}

// Text declares a parameter that is a text.
func Text(name, doc, value string) Parameter {
	return Parameter{Name: name, Doc: doc, Default: value}
}

// Range returns the parameter with bounds, both of which are allowed.
func (p Parameter) Range(minimum, maximum float64) Parameter {
	return p.AtLeast(minimum).AtMost(maximum)
}

// AtLeast returns the parameter with the lowest value that is allowed.
func (p Parameter) AtLeast(minimum float64) Parameter {
	p.Minimum = &minimum
	return p
}

// AtMost returns the parameter with the highest value that is allowed.
func (p Parameter) AtMost(maximum float64) Parameter {
	p.Maximum = &maximum
	return p
}

// OneOf returns the parameter with all values that are allowed, of the type of its default; an int stands for an int64.
func (p Parameter) OneOf(choices ...any) Parameter {
	p.Choices = make([]any, len(choices))
	for i, choice := range choices {
		if number, ok := choice.(int); ok {
			choice = int64(number)
		}
		p.Choices[i] = choice
	}
	return p
}
