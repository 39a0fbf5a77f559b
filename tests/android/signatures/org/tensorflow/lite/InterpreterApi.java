package org.tensorflow.lite;

/** To compile against; the application takes com.google.ai.edge.litert:litert. */
public interface InterpreterApi extends AutoCloseable {
    /** The part of the options that does not belong to one implementation. */
    class Options {
        public Options setNumThreads(int numThreads) {
            throw new UnsupportedOperationException();
        }

        public Options addDelegate(Delegate delegate) {
            throw new UnsupportedOperationException();
        }

        public Options setUseXNNPACK(boolean useXNNPACK) {
            throw new UnsupportedOperationException();
        }
    }

    @Override
    void close();
}
