package com.facebook.jni;

/** Runs native functions in a thread of Java. Own stand-in for fbjni's class. */
public final class ThreadScopeSupport {
    private ThreadScopeSupport() {}

    private static void runStdFunction(long pointer) {
        runStdFunctionImpl(pointer);
    }

    private static native void runStdFunctionImpl(long pointer);
}
