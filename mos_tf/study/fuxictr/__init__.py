"""FuxiCTR's models of long histories on the requests of a study, in a process without TensorFlow.

PyTorch and TensorFlow crash where one process loads both. So nothing here but `peer` may import TensorFlow, and `peer`
may not import PyTorch.
"""
