// An image as CameraX gives it, and reading one from the file `image.bin`: red, green and blue of each pixel.

package main

import android.graphics.Bitmap
import androidx.camera.core.ImageInfo
import androidx.camera.core.ImageProxy
import java.io.File

class Frame(private val bitmap: Bitmap, private val degrees: Int) : ImageProxy {
    var isClosed = false
    override val imageInfo = object : ImageInfo {
        override val rotationDegrees = degrees
    }

    override fun toBitmap(): Bitmap = bitmap

    override fun close() {
        isClosed = true
    }
}

/** The frame of a height, width and how far it must be turned, degrees. */
fun readFrame(height: Int, width: Int, degrees: Int): Frame {
    val bytes = File("image.bin").readBytes()
    val pixels = IntArray(height * width) {
        val red = bytes[3 * it].toInt() and 255
        val green = bytes[3 * it + 1].toInt() and 255
        val blue = bytes[3 * it + 2].toInt() and 255
        (255 shl 24) or (red shl 16) or (green shl 8) or blue
    }
    return Frame(Bitmap(width, height, pixels), degrees)
}
