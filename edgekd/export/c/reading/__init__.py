"""What the reader of TFLite files is made of: the schema, tensors, operators and their rules."""
