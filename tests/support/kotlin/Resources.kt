// Stands in for Android.

package android.content.res

class AssetManager
