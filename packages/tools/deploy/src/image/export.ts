import { createWriteStream, renameSync, rmSync } from 'node:fs'
import { dirname } from 'node:path'
import { pipeline } from 'node:stream/promises'
import type { Entry } from './entry.ts'
import { collect } from './files.ts'
import { MEDIA, openLayout, REF_NAME, type Manifest } from './layout.ts'
import { tarBytes } from './tar.ts'

/**
 * Writes an image of a layout as one file, which `podman load` and `skopeo copy oci-archive:FILE` take. The same image is the same file to the byte. What is attached
 * to it stays behind: those who read such files want one image in them.
 * @throws {DeployError} `LAYOUT` when the folder is no layout, or nothing has this name there
 *
 * @example
 * ```ts
 * import { DeployError, exportImage } from '@dure/deploy'
 *
 * const refused = await exportImage('/nowhere', 'image.tar').catch((error: unknown) => error)
 * console.log(refused instanceof DeployError && refused.code) // → LAYOUT
 * ```
 */
export async function exportImage(
  layout: string,
  file: string,
  { tag = 'latest' }: { readonly tag?: string } = {},
): Promise<void> {
  const from = openLayout(layout)
  const { image } = from.find(tag)
  const { config, layers, annotations } = from.read(image) as Manifest
  // As it is called once it is loaded. Names of images have no "@".
  const title = annotations?.['org.opencontainers.image.title']?.replace(/^@/, '').toLowerCase() ?? 'image'
  const index = {
    ...{ schemaVersion: 2, mediaType: MEDIA.index },
    manifests: [{ ...image, annotations: { [REF_NAME]: `${title}:${tag}` } }],
  }
  const entries: readonly Entry[] = [
    { kind: 'file', path: 'oci-layout', content: Buffer.from(JSON.stringify({ imageLayoutVersion: '1.0.0' })) },
    { kind: 'file', path: 'index.json', content: Buffer.from(JSON.stringify(index)) },
    ...[image, config, ...layers].flatMap(({ digest }) => {
      const path = from.path(digest)
      return collect({ folder: path, into: `blobs/sha256/${digest.slice(7)}`, root: dirname(path), without: () => false })
    }),
  ]
  const temporary = `${file}.${process.pid}`
  try {
    await pipeline(tarBytes(entries), createWriteStream(temporary))
    renameSync(temporary, file)
  } finally {
    rmSync(temporary, { force: true })
  }
}
