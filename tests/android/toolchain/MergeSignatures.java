import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.Paths;
import java.util.Collections;
import java.util.HashSet;
import java.util.Set;
import java.util.jar.JarEntry;
import java.util.jar.JarFile;
import org.jetbrains.org.objectweb.asm.ClassReader;
import org.jetbrains.org.objectweb.asm.ClassWriter;
import org.jetbrains.org.objectweb.asm.tree.ClassNode;
import org.jetbrains.org.objectweb.asm.tree.FieldNode;
import org.jetbrains.org.objectweb.asm.tree.MethodNode;

/**
 * Adds to classes of an old android.jar what newer ones brought.
 *
 * <p>Arguments: a jar of signatures, android.jar, a folder for the classes. A signature of a class
 * that android.jar has holds only what is new: one that android.jar has already is refused, unless
 * it only became generic.
 */
public final class MergeSignatures {
    private final JarFile android;
    private final Path folder;
    private boolean well = true;

    private MergeSignatures(JarFile android, Path folder) {
        this.android = android;
        this.folder = folder;
    }

    public static void main(String[] arguments) throws IOException {
        try (JarFile signatures = new JarFile(arguments[0]);
                JarFile android = new JarFile(arguments[1])) {
            MergeSignatures merging = new MergeSignatures(android, Paths.get(arguments[2]));
            for (JarEntry entry : Collections.list(signatures.entries())) {
                merging.add(entry.getName(), bytes(signatures, entry));
            }
            merging.addNested();
            System.exit(merging.well ? 0 : 1);
        }
    }

    private void add(String name, byte[] content) throws IOException {
        JarEntry old = android.getJarEntry(name);
        if (old == null) {
            write(name, content);
            return;
        }
        ClassNode whole = node(bytes(android, old));
        merge(node(content), whole);
        ClassWriter writer = new ClassWriter(0);
        whole.accept(writer);
        write(name, writer.toByteArray());
    }

    /** A compiler looks for nested classes only where it found the outer one. */
    private void addNested() throws IOException {
        for (JarEntry entry : Collections.list(android.entries())) {
            String name = entry.getName();
            boolean nested = name.indexOf('$') > 0 && !Files.exists(folder.resolve(name));
            if (nested && Files.exists(folder.resolve(name.replaceFirst("\\$.*", ".class")))) {
                write(name, bytes(android, entry));
            }
        }
    }

    private void merge(ClassNode added, ClassNode whole) {
        Set<String> known = new HashSet<>();
        whole.fields.forEach(one -> known.add(one.name));
        for (FieldNode one : added.fields) {
            if (known.contains(one.name)) refuse(one.name, whole);
            whole.fields.add(one);
        }
        for (MethodNode one : added.methods) {
            // The compiler gives every class a constructor, and one to set constants.
            boolean made = one.name.equals("<clinit>") || (one.name + one.desc).equals("<init>()V");
            if (!made) mergeMethod(one, whole);
        }
        Set<String> inner = new HashSet<>();
        whole.innerClasses.forEach(one -> inner.add(one.name));
        added.innerClasses.removeIf(one -> inner.contains(one.name));
        whole.innerClasses.addAll(added.innerClasses);
    }

    private void mergeMethod(MethodNode added, ClassNode whole) {
        for (MethodNode old : whole.methods) {
            if (!old.name.equals(added.name) || !old.desc.equals(added.desc)) continue;
            if (added.signature == null || old.signature != null) refuse(old.name, whole);
            old.signature = added.signature;
            return;
        }
        whole.methods.add(added);
    }

    private void refuse(String member, ClassNode owner) {
        System.err.println("android.jar has " + owner.name + "." + member + " already");
        well = false;
    }

    private void write(String name, byte[] content) throws IOException {
        Path file = folder.resolve(name);
        Files.createDirectories(file.getParent());
        Files.write(file, content);
    }

    private static byte[] bytes(JarFile jar, JarEntry entry) throws IOException {
        return jar.getInputStream(entry).readAllBytes();
    }

    private static ClassNode node(byte[] content) {
        ClassNode node = new ClassNode();
        new ClassReader(content).accept(node, 0);
        return node;
    }
}
