"""What an author reads of an exception: its text, and the lines of the strategy that it came through.

Never names the SDK's own lines, unless there are no others.
"""

from types import TracebackType

_OWN = "/backtest/"


def told(error: BaseException) -> str:
    """Returns an exception's kind and text, then where it was, innermost first, then what it came from."""
    lines = [_text(error), *_places(error.__traceback__)]
    cause = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
    seen = {error}
    while cause is not None and cause not in seen:
        seen.add(cause)
        lines += [f"after {_text(cause)}", *_places(cause.__traceback__)]
        cause = cause.__cause__ or (None if cause.__suppress_context__ else cause.__context__)
    return "\n".join(lines)


def _text(error: BaseException) -> str:
    text = str(error)
    return f"{type(error).__name__}: {text}" if text else type(error).__name__


def _places(traceback: TracebackType | None) -> list[str]:
    places = []
    while traceback is not None:
        code = traceback.tb_frame.f_code
        # The sandbox has no line where none is known, as in generated code.
        line = f":{traceback.tb_lineno}" if traceback.tb_lineno else ""
        name = getattr(code, "co_qualname", code.co_name)
        places.append((code.co_filename, f"  at {name} ({_short(code.co_filename)}{line})"))
        traceback = traceback.tb_next
    own = [place for file, place in places if _OWN not in file]
    return _without_repeats(list(reversed(own or [place for _, place in places])))


def _short(file: str) -> str:
    """Returns a file's name as its author knows it: the component's folders are not those of the project."""
    parts = file.split("/")
    return "/".join(parts[2:]) if len(parts) > 2 and parts[0] == "" else file


def _without_repeats(places: list[str], most: int = 12) -> list[str]:
    """Leaves out the middle of a long list, as an endless recursion has."""
    if len(places) <= most:
        return places
    half = most // 2
    return [*places[:half], f"  ... {len(places) - most} more ...", *places[-half:]]
