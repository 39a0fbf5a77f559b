package org.tensorflow.lite;

import java.io.Closeable;

/** To compile against; the application takes com.google.ai.edge.litert:litert. */
public interface Delegate extends Closeable {
    long getNativeHandle();

    @Override
    void close();
}
