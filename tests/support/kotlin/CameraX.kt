// Stands in for CameraX.

package androidx.camera.core

import android.graphics.Bitmap
import java.util.concurrent.Executor

interface ImageInfo {
    val rotationDegrees: Int
}

interface ImageProxy : AutoCloseable {
    val imageInfo: ImageInfo
    fun toBitmap(): Bitmap
}

abstract class UseCase

class ImageAnalysis : UseCase() {
    interface Analyzer {
        fun analyze(image: ImageProxy)
    }

    class Builder {
        fun setBackpressureStrategy(strategy: Int): Builder = this

        fun build(): ImageAnalysis = ImageAnalysis()
    }

    fun setAnalyzer(executor: Executor, analyzer: Analyzer) {}

    companion object {
        const val STRATEGY_KEEP_ONLY_LATEST = 0
    }
}

class CameraSelector {
    companion object {
        val DEFAULT_BACK_CAMERA = CameraSelector()
    }
}
