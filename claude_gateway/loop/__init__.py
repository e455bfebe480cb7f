"""Turns in which the model calls tools that the gateway runs: model, tools, model, until it is done."""
