package org.tensorflow.lite;

import java.io.DataInputStream;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;

/** A tensor whose memory lies here, and goes to the kernels and back for each inference. */
final class TensorImpl implements Tensor {
    private final String name;
    private final int type;
    private final int[] shape;
    private final int size;
    private final QuantizationParams quantization;
    private ByteBuffer memory;

    TensorImpl(DataInputStream described) throws IOException {
        name = described.readUTF();
        type = described.readInt();
        shape = new int[described.readInt()];
        for (int axis = 0; axis < shape.length; axis++) shape[axis] = described.readInt();
        size = described.readInt();
        quantization = new QuantizationParams(described.readFloat(), described.readInt());
    }

    void allocate() {
        memory = ByteBuffer.allocateDirect(size);
    }

    ByteBuffer memory() {
        return memory.duplicate();
    }

    @Override
    public DataType dataType() {
        return DataType.fromC(type);
    }

    @Override
    public int[] shape() {
        return shape;
    }

    @Override
    public String name() {
        return name;
    }

    @Override
    public QuantizationParams quantizationParams() {
        return quantization;
    }

    @Override
    public ByteBuffer asReadOnlyBuffer() {
        return memory.asReadOnlyBuffer().order(ByteOrder.nativeOrder());
    }

    /** The interface takes arrays and other buffers too; the app gives buffers of bytes. */
    void setTo(Object source) {
        if (source == null) {
            throw new IllegalArgumentException(
                    "Null inputs are allowed only if the Tensor is bound to a buffer handle.");
        }
        ByteBuffer bytes = (ByteBuffer) source;
        if (bytes.capacity() != size) {
            throw new IllegalArgumentException(
                    String.format(
                            "Cannot copy to a TensorFlowLite tensor (%s) with %d bytes from a "
                                    + "Java Buffer with %d bytes.",
                            name, size, bytes.capacity()));
        }
        boolean direct = bytes.isDirect() && bytes.order() == ByteOrder.nativeOrder();
        // From a direct buffer the native code copies all, wherever its position is.
        if (direct) bytes = (ByteBuffer) bytes.duplicate().clear();
        memory().put(bytes);
    }
}
