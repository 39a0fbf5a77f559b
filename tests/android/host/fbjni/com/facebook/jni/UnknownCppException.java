package com.facebook.jni;

/** Something thrown that is no {@code std::exception}. Own stand-in for fbjni's class. */
public class UnknownCppException extends CppException {
    private static final long serialVersionUID = 1;

    public UnknownCppException() {
        super("unknown C++ exception");
    }

    public UnknownCppException(String message) {
        super(message);
    }
}
