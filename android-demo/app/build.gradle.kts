import org.jetbrains.kotlin.gradle.dsl.JvmTarget

plugins {
    alias(libs.plugins.android.application)
    alias(libs.plugins.kotlin.android)
}

android {
    namespace = "dev.edgekd.demo"
    compileSdk = 35

    defaultConfig {
        applicationId = "dev.edgekd.demo"
        minSdk = 26
        targetSdk = 35
        versionCode = 1
        versionName = "1.0"
        ndk {
            // What all three runtimes ship: phones, and emulators on a PC.
            abiFilters += listOf("arm64-v8a", "x86_64")
        }
    }

    buildTypes {
        release {
            isMinifyEnabled = true
            isShrinkResources = true
            proguardFiles(
                getDefaultProguardFile("proguard-android-optimize.txt"),
                "proguard-rules.pro",
            )
        }
    }

    compileOptions {
        sourceCompatibility = JavaVersion.VERSION_1_8
        targetCompatibility = JavaVersion.VERSION_1_8
    }

    androidResources {
        // Read as they are: a model that is compressed would have to be unpacked in memory first.
        noCompress += listOf("onnx", "pte", "tflite", "safetensors")
    }

    packaging {
        jniLibs {
            // Uncompressed and aligned to 16 KB pages, mapped from the package.
            useLegacyPackaging = false
            // The runtimes share one C++ library.
            pickFirsts += "**/libc++_shared.so"
        }
    }
}

kotlin {
    compilerOptions {
        jvmTarget = JvmTarget.JVM_1_8
    }
}

dependencies {
    implementation(project(":core"))
    implementation(libs.onnxruntime)
    implementation(libs.executorch) {
        // None of its classes refers to it.
        exclude(group = "androidx.core")
    }
    implementation(libs.litert)
    implementation(libs.litert.gpu)
    implementation(libs.litert.gpu.api)
}
