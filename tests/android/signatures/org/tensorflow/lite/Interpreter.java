package org.tensorflow.lite;

import java.nio.ByteBuffer;
import java.util.Map;

/** To compile against; the application takes com.google.ai.edge.litert:litert. */
public final class Interpreter implements InterpreterApi {
    /** As a builder it gives itself back. */
    public static class Options extends InterpreterApi.Options {
        @Override
        public Options setNumThreads(int numThreads) {
            throw new UnsupportedOperationException();
        }

        @Override
        public Options addDelegate(Delegate delegate) {
            throw new UnsupportedOperationException();
        }

        @Override
        public Options setUseXNNPACK(boolean useXNNPACK) {
            throw new UnsupportedOperationException();
        }
    }

    public Interpreter(ByteBuffer byteBuffer, Options options) {
        throw new UnsupportedOperationException();
    }

    public void runForMultipleInputsOutputs(Object[] inputs, Map<Integer, Object> outputs) {
        throw new UnsupportedOperationException();
    }

    public int getInputTensorCount() {
        throw new UnsupportedOperationException();
    }

    public Tensor getInputTensor(int inputIndex) {
        throw new UnsupportedOperationException();
    }

    public int getOutputTensorCount() {
        throw new UnsupportedOperationException();
    }

    public Tensor getOutputTensor(int outputIndex) {
        throw new UnsupportedOperationException();
    }

    @Override
    public void close() {
        throw new UnsupportedOperationException();
    }
}
