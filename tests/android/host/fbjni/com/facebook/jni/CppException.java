package com.facebook.jni;

/** An exception of C++. Own stand-in for fbjni's class. */
public class CppException extends RuntimeException {
    private static final long serialVersionUID = 1;

    public CppException(String message) {
        super(message);
    }
}
