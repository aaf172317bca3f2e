// The declarations of LiteRT that the generated Kotlin uses, for compiling and running it without Android.
// `run` keeps what it is given in the file `input.bin`, and answers with what is in the file `output.bin`.

package com.google.ai.edge.litert

import android.content.res.AssetManager
import java.io.File
import java.nio.ByteBuffer
import java.nio.ByteOrder

enum class Accelerator { CPU, GPU, NPU }

class TensorBuffer internal constructor(
    internal var bytes: ByteArray,
    internal val signature: String? = null
) : AutoCloseable {
    fun writeFloat(data: FloatArray) {
        val buffer = ByteBuffer.allocate(4 * data.size).order(ByteOrder.LITTLE_ENDIAN)
        data.forEach { buffer.putFloat(it) }
        bytes = buffer.array()
    }

    fun writeInt8(data: ByteArray) {
        bytes = data.copyOf()
    }

    fun readFloat(): FloatArray {
        val floats = ByteBuffer.wrap(bytes).order(ByteOrder.LITTLE_ENDIAN).asFloatBuffer()
        return FloatArray(floats.remaining()) { floats.get(it) }
    }

    fun readInt8(): ByteArray = bytes.copyOf()

    override fun close() {}
}

class CompiledModel private constructor() : AutoCloseable {
    data class CpuOptions(
        val numThreads: Int? = null,
        val xnnPackFlags: Int? = null,
        val xnnPackWeightCachePath: String? = null
    )

    class Options(internal vararg val accelerators: Accelerator) {
        var cpuOptions: CpuOptions? = null
    }

    fun createInputBuffers(signatureIndex: Int = 0): List<TensorBuffer> = listOf(TensorBuffer(ByteArray(0)))

    fun createOutputBuffers(signatureIndex: Int = 0): List<TensorBuffer> = listOf(TensorBuffer(ByteArray(0)))

    fun run(inputs: List<TensorBuffer>, outputs: List<TensorBuffer>, signatureIndex: Int = 0) {
        File("input.bin").writeBytes(inputs[0].bytes)
        outputs[0].bytes = File("output.bin").readBytes()
    }

    fun createInputBuffers(signature: String): List<TensorBuffer> = listOf(TensorBuffer(ByteArray(0), signature))

    fun createOutputBuffers(signature: String): List<TensorBuffer> = listOf(TensorBuffer(ByteArray(0), signature))

    fun run(inputs: List<TensorBuffer>, outputs: List<TensorBuffer>, signature: String) {
        check((inputs + outputs).all { it.signature == signature }) { "these buffers are of another signature" }
        println("signature $signature")
        run(inputs, outputs)
    }

    override fun close() {}

    companion object {
        fun create(assetManager: AssetManager, assetName: String, options: Options): CompiledModel {
            println("model $assetName")
            println("threads ${options.cpuOptions?.numThreads}")
            return CompiledModel()
        }
    }
}
