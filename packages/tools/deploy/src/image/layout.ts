import { createHash } from 'node:crypto'
import {
  createWriteStream,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { pipeline } from 'node:stream/promises'
import { DeployError } from '../errors.ts'

/** What names a blob: OCI Image Format 1.1, descriptors. */
export type Descriptor = {
  readonly mediaType: string
  readonly digest: string
  readonly size: number
  readonly artifactType?: string
  readonly platform?: { readonly architecture: string; readonly os: string }
  readonly annotations?: Readonly<Record<string, string>>
}

/** The manifest of an image, or of what was attached to one. */
export type Manifest = {
  readonly mediaType: string
  readonly artifactType?: string
  readonly config: Descriptor
  readonly layers: readonly Descriptor[]
  readonly subject?: Descriptor
  readonly annotations?: Readonly<Record<string, string>>
}

type Index = { readonly schemaVersion: 2; readonly mediaType: string; readonly manifests: readonly Descriptor[] }

export const MEDIA = {
  index: 'application/vnd.oci.image.index.v1+json',
  manifest: 'application/vnd.oci.image.manifest.v1+json',
  config: 'application/vnd.oci.image.config.v1+json',
  layer: 'application/vnd.oci.image.layer.v1.tar+gzip',
  empty: 'application/vnd.oci.empty.v1+json',
} as const
export const REF_NAME = 'org.opencontainers.image.ref.name'
const MARK = 'oci-layout'
/** A manifest or an index is never larger: registries take 4 MB. */
const LARGEST_DOCUMENT = 4 * 1024 ** 2
let partial = 0

/** A folder with images: OCI Image Layout 1.0.0. A blob is there whole or not at all. */
export type Layout = {
  readonly folder: string
  /** Where a blob is, whether it is there or not. */
  readonly path: (digest: string) => string
  readonly has: (blob: Pick<Descriptor, 'digest' | 'size'>) => boolean
  readonly put: (mediaType: string, content: string | Uint8Array) => Descriptor
  /** @param chunks the blob; what goes by is written, and is only there when all has come */
  readonly putStream: (mediaType: string, chunks: AsyncIterable<Buffer>) => Promise<Descriptor>
  /** A document, which is never large. @throws {DeployError} when it is not there, or is not what its digest says */
  readonly bytes: (blob: Descriptor) => Buffer
  readonly read: (blob: Descriptor) => unknown
  /** The image that has a name, and what is attached to it. @throws {DeployError} when nothing has that name */
  readonly find: (tag: string) => { readonly image: Descriptor; readonly attached: readonly Descriptor[] }
  /** Gives a name to an image in place of the one that had it, whose blobs go where nobody else needs them. */
  readonly name: (tag: string, image: Descriptor, attached: readonly Descriptor[]) => void
}

/** @param make whether an empty or missing folder becomes one. @throws {DeployError} when it is a folder of something else */
export function openLayout(folder: string, { make = false }: { readonly make?: boolean } = {}): Layout {
  const blobs = join(folder, 'blobs', 'sha256')
  if (!existsSync(join(folder, MARK))) {
    const isTaken = existsSync(folder) && (!statSync(folder).isDirectory() || readdirSync(folder).length > 0)
    if (!make || isTaken)
      throw new DeployError(
        'LAYOUT',
        `Cannot use "${folder}" as an image layout: it has no file "${MARK}"; ${isTaken && make ? 'choose an empty folder' : 'build the image first'}`,
      )
    mkdirSync(blobs, { recursive: true })
    writeFileSync(join(folder, MARK), JSON.stringify({ imageLayoutVersion: '1.0.0' }))
  }
  const path = (digest: string): string => {
    const [, hex] = /^sha256:([0-9a-f]{64})$/.exec(digest) ?? []
    if (hex === undefined) throw new DeployError('LAYOUT', `Cannot find "${digest}": it is no SHA-256 digest`)
    return join(blobs, hex)
  }
  const has = ({ digest, size }: Pick<Descriptor, 'digest' | 'size'>): boolean =>
    statSync(path(digest), { throwIfNoEntry: false })?.size === size
  const put = (mediaType: string, content: string | Uint8Array): Descriptor => {
    const bytes = Buffer.from(content as string)
    const descriptor = { mediaType, digest: digestOf(bytes), size: bytes.length }
    if (!has(descriptor)) replace(path(descriptor.digest), bytes)
    return descriptor
  }
  const bytes = (blob: Descriptor): Buffer => {
    if (!has(blob) || blob.size > LARGEST_DOCUMENT)
      throw new DeployError('LAYOUT', `Cannot read "${blob.digest}" of "${folder}": it is not there whole; build the image again`)
    const content = readFileSync(path(blob.digest))
    if (digestOf(content) === blob.digest) return content
    throw new DeployError(
      'LAYOUT',
      `Cannot read "${blob.digest}" of "${folder}": its content has another digest; remove the folder and build again`,
    )
  }
  const read = (blob: Descriptor): unknown => JSON.parse(bytes(blob).toString()) as unknown
  const index = (): readonly Descriptor[] => {
    const file = join(folder, 'index.json')
    if (!existsSync(file)) return []
    try {
      const { manifests } = JSON.parse(readFileSync(file, 'utf8')) as Index
      return manifests.map((each) => each)
    } catch (cause) {
      throw new DeployError('LAYOUT', `Cannot read "${file}": it is no index of images; remove the folder and build again`, {
        cause,
      })
    }
  }
  const manifestOf = (one: Descriptor): Manifest => read(one) as Manifest
  const attachedTo = (all: readonly Descriptor[], image: Descriptor): readonly Descriptor[] =>
    all.filter((each) => each.artifactType !== undefined && manifestOf(each).subject?.digest === image.digest)
  const named = (all: readonly Descriptor[], tag: string): Descriptor | undefined =>
    all.find(({ annotations }) => annotations?.[REF_NAME] === tag)

  return {
    ...{ folder, path, has, put, bytes, read },
    putStream: async (mediaType, chunks) => {
      const temporary = join(blobs, `.${process.pid}-${++partial}`)
      const hash = createHash('sha256')
      let size = 0
      const counted = async function* (): AsyncGenerator<Buffer> {
        for await (const chunk of chunks) {
          hash.update(chunk)
          size += chunk.length
          yield chunk
        }
      }
      try {
        await pipeline(counted, createWriteStream(temporary, { flags: 'wx' }))
        const descriptor = { mediaType, digest: `sha256:${hash.digest('hex')}`, size }
        renameSync(temporary, path(descriptor.digest))
        return descriptor
      } finally {
        rmSync(temporary, { force: true })
      }
    },
    find: (tag) => {
      const all = index()
      const image = named(all, tag)
      if (image !== undefined) return { image, attached: attachedTo(all, image) }
      const names = all.flatMap(({ annotations }) => annotations?.[REF_NAME] ?? [])
      throw new DeployError(
        'LAYOUT',
        `Cannot find the image "${tag}" in "${folder}": it has ${names.map((name) => `"${name}"`).join(', ') || 'none'}`,
      )
    },
    name: (tag, image, attached) => {
      const all = index()
      const before = named(all, tag)
      const gone = before === undefined ? [] : [before, ...attachedTo(all, before)]
      // An image that has another name as well keeps what is attached to it.
      const others = all.filter((each) => !gone.includes(each))
      const isShared = others.some(({ digest }) => digest === before?.digest)
      const left = isShared ? all.filter((each) => each !== before) : others
      const known = new Set(left.map(({ digest }) => digest))
      const manifests = [
        { ...image, annotations: { ...image.annotations, [REF_NAME]: tag } },
        ...attached.filter(({ digest }) => !known.has(digest)),
        ...left,
      ].sort((a, b) => (key(a) < key(b) ? -1 : 1))
      const removable = isShared ? [] : gone.flatMap((each) => blobsOf(each, manifestOf))
      replace(join(folder, 'index.json'), JSON.stringify({ schemaVersion: 2, mediaType: MEDIA.index, manifests } satisfies Index))
      const needed = new Set(manifests.flatMap((each) => blobsOf(each, manifestOf)))
      for (const digest of removable) if (!needed.has(digest)) rmSync(path(digest), { force: true })
    },
  }
}

const key = ({ annotations, artifactType, digest }: Descriptor): string =>
  `${annotations?.[REF_NAME] ?? '~'} ${artifactType ?? ''} ${digest}`

function blobsOf(one: Descriptor, manifestOf: (one: Descriptor) => Manifest): readonly string[] {
  const { config, layers } = manifestOf(one)
  return [one.digest, config.digest, ...layers.map(({ digest }) => digest)]
}

export function digestOf(bytes: Uint8Array): string {
  return `sha256:${createHash('sha256').update(bytes).digest('hex')}`
}

function replace(file: string, content: string | Uint8Array): void {
  const temporary = join(file, '..', `.${process.pid}-${++partial}`)
  writeFileSync(temporary, content)
  renameSync(temporary, file)
}
