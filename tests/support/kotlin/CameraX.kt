// Stands in for CameraX.

package androidx.camera.core

import android.graphics.Bitmap

interface ImageInfo {
    val rotationDegrees: Int
}

interface ImageProxy : AutoCloseable {
    val imageInfo: ImageInfo
    fun toBitmap(): Bitmap
}

class ImageAnalysis {
    interface Analyzer {
        fun analyze(image: ImageProxy)
    }
}
