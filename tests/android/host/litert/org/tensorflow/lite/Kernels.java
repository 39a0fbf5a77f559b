package org.tensorflow.lite;

import java.io.ByteArrayOutputStream;
import java.io.DataInputStream;
import java.io.DataOutputStream;
import java.io.IOException;
import java.nio.ByteBuffer;

/**
 * The real kernels: those of LiteRT's Python package, in one child process that ends with this one
 * (host/litert_server.py says what goes over the pipes). In the place of LiteRT's native code.
 */
final class Kernels {
    interface Question {
        void write(DataOutputStream out) throws IOException;
    }

    interface Answer<T> {
        T read(DataInputStream in) throws IOException;
    }

    static final String SERVER = System.getProperty("edgekd.litert.server");
    private static DataOutputStream out;
    private static DataInputStream in;

    private Kernels() {}

    /** A crash of the kernels ends the process, as it does where they are part of it. */
    static synchronized <T> T ask(char letter, Question question, Answer<T> answer) {
        ByteArrayOutputStream body = new ByteArrayOutputStream();
        try {
            if (out == null) start();
            question.write(new DataOutputStream(body));
            out.writeByte(letter);
            out.writeInt(body.size());
            body.writeTo(out);
            out.flush();
            checkStep(in.readByte());
            return answer.read(in);
        } catch (IOException failure) {
            System.err.println("LiteRT's kernels are gone: " + failure);
            Runtime.getRuntime().halt(134);
            throw new AssertionError(failure);
        }
    }

    static byte[] bytesOf(ByteBuffer memory) {
        byte[] bytes = new byte[memory.capacity()];
        ByteBuffer view = memory.duplicate();
        view.clear();
        view.get(bytes);
        return bytes;
    }

    private static void start() throws IOException {
        ProcessBuilder python =
                new ProcessBuilder(System.getProperty("edgekd.litert.python"), "-P", SERVER);
        // These are for Android's libraries.
        python.environment().remove("LD_PRELOAD");
        python.environment().remove("LD_LIBRARY_PATH");
        Process process = python.redirectError(ProcessBuilder.Redirect.INHERIT).start();
        out = new DataOutputStream(process.getOutputStream());
        in = new DataInputStream(process.getInputStream());
    }

    /** What LiteRT's native code throws when a step fails. */
    private static void checkStep(int failed) throws IOException {
        if (failed == 0) return;
        String told = in.readUTF();
        String error = "Internal error: ";
        switch (failed) {
            case 1:
                error = "ByteBuffer is not a valid TensorFlow Lite model flatbuffer";
                throw new IllegalArgumentException(error);
            case 2:
                throw new IllegalArgumentException(error + "Cannot create interpreter: " + told);
            case 3:
                error += "Unexpected failure when preparing tensor allocations: ";
                throw new IllegalStateException(error + told);
            default:
                error += "Failed to run on the given Interpreter: ";
                throw new IllegalArgumentException(error + told);
        }
    }
}
