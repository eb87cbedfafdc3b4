"""Builders and fakes that the tests share.

``wheels`` makes wheels and sdists, ``index_server`` serves them over HTTP with faults on demand,
``projects`` writes projects and runs the real command in a clean environ.
"""
