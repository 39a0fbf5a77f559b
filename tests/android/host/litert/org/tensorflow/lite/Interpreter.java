package org.tensorflow.lite;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.MappedByteBuffer;
import java.util.Map;

/**
 * Stands in for LiteRT's Java interface as far as the app uses it, because no artifact of it can be
 * had. What it allows and what it throws is as in tflite/java (NativeInterpreterWrapper, TensorImpl
 * and their native code); the kernels are LiteRT's own, see {@link Kernels}.
 */
public final class Interpreter implements AutoCloseable {
    /** XNNPACK is on where nothing else is asked; no other delegate can be made here. */
    public static class Options {
        private int numThreads = -1;
        private boolean useXNNPACK = true;

        public Options setNumThreads(int numThreads) {
            this.numThreads = numThreads;
            return this;
        }

        public Options setUseXNNPACK(boolean useXNNPACK) {
            this.useXNNPACK = useXNNPACK;
            return this;
        }

        public Options addDelegate(Delegate delegate) {
            throw new UnsupportedOperationException();
        }
    }

    private int number;
    private TensorImpl[] inputs;
    private TensorImpl[] outputs;
    private boolean closed;

    public Interpreter(ByteBuffer buffer, Options options) {
        TensorFlowLite.init();
        boolean direct =
                buffer != null && buffer.isDirect() && buffer.order() == ByteOrder.nativeOrder();
        if (!(buffer instanceof MappedByteBuffer) && !direct) {
            throw new IllegalArgumentException(
                    "Model ByteBuffer should be either a MappedByteBuffer of the model file, or a"
                            + " direct ByteBuffer using ByteOrder.nativeOrder() which contains"
                            + " bytes of model content.");
        }
        Kernels.ask(
                'L',
                out -> {
                    out.writeInt(options.numThreads);
                    out.writeBoolean(options.useXNNPACK);
                    out.write(Kernels.bytesOf(buffer));
                },
                in -> {
                    number = in.readInt();
                    inputs = new TensorImpl[in.readInt()];
                    outputs = new TensorImpl[in.readInt()];
                    for (int at = 0; at < inputs.length; at++) inputs[at] = new TensorImpl(in);
                    for (int at = 0; at < outputs.length; at++) outputs[at] = new TensorImpl(in);
                    return null;
                });
        for (TensorImpl input : inputs) input.allocate();
        for (TensorImpl output : outputs) output.allocate();
    }

    /** The app asks for no outputs; it reads them from their tensors. */
    public void runForMultipleInputsOutputs(Object[] inputs, Map<Integer, Object> outputs) {
        checkNotClosed();
        if (inputs == null || inputs.length == 0) {
            throw new IllegalArgumentException("Input error: Inputs should not be null or empty.");
        }
        if (outputs == null) {
            throw new IllegalArgumentException("Input error: Outputs should not be null.");
        }
        if (!outputs.isEmpty()) throw new UnsupportedOperationException("no outputs are copied");
        for (int at = 0; at < inputs.length; at++) {
            tensor("input", this.inputs, at).setTo(inputs[at]);
        }
        Kernels.ask(
                'R',
                out -> {
                    out.writeInt(number);
                    for (TensorImpl input : this.inputs) out.write(Kernels.bytesOf(input.memory()));
                },
                in -> {
                    for (TensorImpl output : this.outputs) {
                        byte[] bytes = new byte[output.memory().capacity()];
                        in.readFully(bytes);
                        output.memory().put(bytes);
                    }
                    return null;
                });
    }

    public int getInputTensorCount() {
        checkNotClosed();
        return inputs.length;
    }

    public Tensor getInputTensor(int inputIndex) {
        checkNotClosed();
        return tensor("input", inputs, inputIndex);
    }

    public int getOutputTensorCount() {
        checkNotClosed();
        return outputs.length;
    }

    public Tensor getOutputTensor(int outputIndex) {
        checkNotClosed();
        return tensor("output", outputs, outputIndex);
    }

    @Override
    public void close() {
        if (closed) return;
        closed = true;
        Kernels.ask('C', out -> out.writeInt(number), in -> null);
    }

    private static TensorImpl tensor(String kind, TensorImpl[] tensors, int index) {
        if (index < 0 || index >= tensors.length) {
            throw new IllegalArgumentException("Invalid " + kind + " Tensor index: " + index);
        }
        tensors[index].dataType();
        return tensors[index];
    }

    private void checkNotClosed() {
        if (closed) {
            throw new IllegalStateException(
                    "Internal error: The Interpreter has already been closed.");
        }
    }
}
