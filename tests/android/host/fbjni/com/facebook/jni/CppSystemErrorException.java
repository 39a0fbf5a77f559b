package com.facebook.jni;

/** A {@code std::system_error}. Own stand-in for fbjni's class. */
public class CppSystemErrorException extends CppException {
    private static final long serialVersionUID = 1;

    public CppSystemErrorException(String message, int code) {
        super(message + " (error " + code + ")");
    }
}
