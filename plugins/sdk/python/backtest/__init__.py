"""Write a trading strategy as a sandboxed component.

A strategy that sees the whole series at once is a :class:`Strategy`; one that hears of one bar at a time and sends orders is an
:class:`EventStrategy`. ``strategy.py`` names its classes ``signals`` and ``events``. Everything works outside of a component,
too, so that a strategy can be tested like any other module (:mod:`backtest.testing`).
"""

from backtest import log
from backtest.broker import Broker, Event, Exits, Measure, OrderId, Reason, TimeInForce
from backtest.description import Description, Parameter, boolean, integer, number, text
from backtest.errors import Failed, InvalidParams, Refused
from backtest.params import Params
from backtest.strategy import Bar, EventStrategy, Fill, Series, Strategy
from backtest.targets import Position, Targets

__all__ = [
    "Bar",
    "Broker",
    "Description",
    "Event",
    "EventStrategy",
    "Exits",
    "Failed",
    "Fill",
    "InvalidParams",
    "Measure",
    "OrderId",
    "Parameter",
    "Params",
    "Position",
    "Reason",
    "Refused",
    "Series",
    "Strategy",
    "Targets",
    "TimeInForce",
    "boolean",
    "integer",
    "log",
    "number",
    "text",
]
