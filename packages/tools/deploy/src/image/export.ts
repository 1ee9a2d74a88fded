import { createWriteStream, renameSync, rmSync } from 'node:fs'
import { pipeline } from 'node:stream/promises'
import { collect } from './files.ts'
import { openLayout } from './layout.ts'
import { tarBytes } from './tar.ts'

/**
 * Writes an image layout as one file, which `podman load` and `skopeo copy oci-archive:FILE` take. The same layout is the same file to the byte.
 * @throws {DeployError} `LAYOUT` when the folder is no layout
 *
 * @example
 * ```ts
 * import { DeployError, exportImage } from '@dure/deploy'
 *
 * const refused = await exportImage('/nowhere', 'image.tar').catch((error: unknown) => error)
 * console.log(refused instanceof DeployError && refused.code) // → LAYOUT
 * ```
 */
export async function exportImage(layout: string, file: string): Promise<void> {
  const { folder } = openLayout(layout)
  const entries = collect({ folder, into: '', root: folder, without: (path) => /(?:^|\/)\.[^/]*$/.test(path) })
  const temporary = `${file}.${process.pid}`
  try {
    await pipeline(tarBytes(entries), createWriteStream(temporary))
    renameSync(temporary, file)
  } finally {
    rmSync(temporary, { force: true })
  }
}
