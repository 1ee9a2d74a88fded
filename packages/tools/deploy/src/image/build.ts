import { existsSync, readFileSync, realpathSync } from 'node:fs'
import { createRequire } from 'node:module'
import { basename, dirname, join, relative, resolve, sep } from 'node:path'
import { realRuntime } from 'dure/runtime'
import { DeployError } from '../errors.ts'
import { applicationFiles, readManifest } from './application.ts'
import { baseOf, DATA, NODE, USER, type Base } from './base.ts'
import { partsOf, provenanceOf, sha256, type Origin } from './documents.ts'
import type { Entry } from './entry.ts'
import { collect, isWithin } from './files.ts'
import { openLayerCache, writeLayer, type Layer, type LayerName } from './layer.ts'
import { MEDIA, openLayout, type Descriptor, type Layout, type Manifest } from './layout.ts'
import { lockFolder, neededPackages, type LockedPackage } from './packages.ts'

export type ImageOptions = {
  /** The application's folder: it has a package.json, and it or one above a package-lock.json with everything installed. */
  readonly folder: string
  /** The OCI image layout that it is written into: a folder, made if it is not there. */
  readonly layout: string
  /** What the image is called in the layout. Default `latest`. */
  readonly tag?: string
  /**
   * What Node runs: a file from `folder` on, and its words. Default the `dure` command with `start` and `command`, for which the application needs `@dure/cli`.
   */
  readonly program?: readonly string[]
  /** Words that whoever runs the image may replace: with the `dure` command default `['start']`. */
  readonly command?: readonly string[]
  /** What of the folder is left out, such as a file that the image is written to. */
  readonly without?: readonly string[]
  /** Default that of package.json. */
  readonly version?: string
  /** The commit, and the repository's address, for labels and the provenance. */
  readonly revision?: string
  readonly source?: string
  /** When the image was made, as the commit says: ISO 8601. Default the first second of 1970. */
  readonly created?: string
  /** The binary of Node. Default that of the package `node`, else the one that runs this. */
  readonly node?: string
}

/** An image that is in a layout. */
export type Image = {
  readonly tag: string
  /** Of the manifest: what names this image and no other. */
  readonly digest: string
  readonly layout: string
  readonly layers: readonly {
    readonly name: LayerName
    readonly digest: string
    readonly bytes: number
    readonly isReused: boolean
  }[]
  /** What is attached: the list of parts (CycloneDX) and the provenance (in-toto), by their manifests' digests. */
  readonly attached: readonly { readonly type: string; readonly digest: string }[]
}

const APP = 'app'
const DURE = ['@dure', 'cli', 'bin', 'dure.js']
const PARTS = 'application/vnd.cyclonedx+json'
const PROVENANCE = 'application/vnd.in-toto+json'
const EPOCH = '1970-01-01T00:00:00Z'
/** As registries and engines take it: OCI Distribution 1.1. */
const TAG = /^\w[\w.-]{0,127}$/

/**
 * Builds a container image without a container engine. The same files are the same image to the byte; what did not change since the
 * build before in the same layout is not read again.
 *
 * Its layers are the base (Node, its shared libraries, a user), the dependencies as package-lock.json says them, the packages of the same
 * workspace, if there are any, and the application. Nothing in it is a shell or has a setuid bit; it runs as user 65532 and writes to `/data` alone.
 * @throws {DeployError} `FILE` for what may not be in an image, `PROJECT` for a project that is not installed as its lock says
 *
 * @example
 * ```ts
 * import { buildImage, DeployError } from '@dure/deploy'
 *
 * const refused = await buildImage({ folder: '/nowhere', layout: '/nowhere/image' }).catch((error: unknown) => error)
 * console.log(refused instanceof DeployError && refused.code) // → PROJECT
 * ```
 */
export async function buildImage(options: ImageOptions): Promise<Image> {
  const { tag = 'latest' } = options
  if (!TAG.test(tag))
    throw new DeployError('PROJECT', `Cannot call an image "${tag}": a tag has letters, digits, "_", "." and "-", 128 at most`)
  const now = realRuntime().clock.now()
  const project = openProject(options)
  const base = baseOf(realpathSync(options.node ?? nodeOf(project.folder)))
  const layout = openLayout(resolve(options.layout), { make: true })
  const cache = openLayerCache(join(dirname(layout.folder), `.${basename(layout.folder)}.layers.json`))
  const layers: Layer[] = []
  const groups: readonly (readonly [LayerName, readonly Entry[]])[] = [
    ['base', base.entries],
    ['dependencies', dependencyFiles(project)],
    ['packages', workspaceFiles(project)],
    ['application', applicationFiles(project.root, project.folder, project.place, options.without)],
  ]
  for (const [name, entries] of groups) {
    // The application is small, and changes: it is read whenever an image is built.
    const remembered = name === 'application' ? undefined : cache
    if (entries.length > 0) layers.push(await writeLayer({ name, entries, layout, cache: remembered, now }))
  }
  const image = writeManifest(layout, project, base, layers)
  const attached = attach(layout, project, base, image)
  layout.name(tag, image, attached)
  return {
    ...{ tag, digest: image.digest, layout: layout.folder },
    layers: layers.map(({ name, blob, isReused }) => ({ name, digest: blob.digest, bytes: blob.size, isReused })),
    attached: attached.map(({ artifactType = '', digest }) => ({ type: artifactType, digest })),
  }
}

type Project = {
  readonly root: string
  readonly folder: string
  /** Of the folder in the image, without the first slash. */
  readonly place: string
  readonly packages: readonly LockedPackage[]
  readonly origin: Origin
  readonly created: string
  readonly entrypoint: readonly string[]
  readonly command: readonly string[]
}

function openProject(options: ImageOptions): Project {
  const folder = resolve(options.folder)
  if (!existsSync(join(folder, 'package.json')))
    throw new DeployError('PROJECT', `Cannot make an image of "${folder}": it has no package.json; run: npm init`)
  const real = realpathSync(folder)
  const root = lockFolder(real)
  const packages = neededPackages(root, relative(root, real).split(sep).join('/'))
  const manifest = readManifest(join(real, 'package.json'))
  const { program, command, created = EPOCH, revision, source, version = manifest.version } = options
  if (Number.isNaN(Date.parse(created)))
    throw new DeployError('PROJECT', `Cannot say that an image was made at "${created}": it is no time`)
  const place = join(APP, relative(root, real)).split(sep).join('/')
  return {
    ...{ root, folder: real, place, packages, created },
    origin: { name: manifest.name ?? 'application', version, revision, source },
    entrypoint: [NODE, ...(program === undefined ? [dureOf(packages)] : ownProgram(real, program))],
    command: command ?? (program === undefined ? ['start'] : []),
  }
}

function ownProgram(folder: string, [file, ...words]: readonly string[]): readonly string[] {
  const path = resolve(folder, file ?? '')
  if (file === undefined || !isWithin(folder, path))
    throw new DeployError('FILE', `Cannot run "${file}" in the image: it lies outside of "${folder}"`)
  if (!existsSync(path)) throw new DeployError('FILE', `Cannot run "${file}" in the image: there is no such file in "${folder}"`)
  return [file, ...words]
}

function dureOf(packages: readonly LockedPackage[]): string {
  const found = packages.find(({ name }) => name === '@dure/cli')
  if (found !== undefined) return `/${APP}/${[found.path, ...DURE.slice(2)].join('/')}`
  throw new DeployError(
    'PROJECT',
    'Cannot have the image run "dure start": @dure/cli is not among the "dependencies" of package.json; run: npm install @dure/cli, or name a program of your own',
  )
}

function nodeOf(folder: string): string {
  try {
    const binary = join(dirname(createRequire(join(folder, 'package.json')).resolve('node/package.json')), 'bin', 'node')
    if (existsSync(binary)) return binary
  } catch {
    // The project does not pin one.
  }
  return process.execPath
}

const isNested = (path: string): boolean => path === 'node_modules' || path.startsWith('node_modules/')

function dependencyFiles({ root, packages }: Project): readonly Entry[] {
  return packages.flatMap(({ path, linked }): readonly Entry[] => {
    const into = `${APP}/${path}`
    // What is nested in it, and is needed, is a package of its own here.
    if (linked === undefined) return collect({ folder: join(root, path), into, root, without: isNested })
    return [{ kind: 'link', path: into, target: relative(dirname(path), linked).split(sep).join('/') }]
  })
}

/** A package that is linked from the workspace stands in the image where it stands there. */
function workspaceFiles({ root, packages }: Project): readonly Entry[] {
  const folders = new Set(packages.flatMap(({ linked }) => linked ?? []))
  return [...folders].flatMap((linked) => applicationFiles(root, realpathSync(join(root, linked)), `${APP}/${linked}`))
}

function writeManifest(layout: Layout, project: Project, { platform }: Base, layers: readonly Layer[]): Descriptor {
  const { origin, created, entrypoint, command, place } = project
  const labels = {
    'org.opencontainers.image.title': origin.name,
    ...(origin.version !== undefined && { 'org.opencontainers.image.version': origin.version }),
    ...(origin.revision !== undefined && { 'org.opencontainers.image.revision': origin.revision }),
    ...(origin.source !== undefined && { 'org.opencontainers.image.source': origin.source }),
  }
  const config = layout.put(
    MEDIA.config,
    JSON.stringify({
      ...{ created, ...platform },
      config: {
        ...{ User: `${USER}:${USER}`, WorkingDir: `/${place}`, Entrypoint: entrypoint, Cmd: command },
        Env: [
          'PATH=/usr/bin',
          'HOME=/tmp',
          'NODE_ENV=production',
          `DURE_DATA=${DATA}`,
          'DURE_HOST=0.0.0.0',
          ...versionOf(origin),
        ],
        Volumes: { [DATA]: {} },
        ...{ StopSignal: 'SIGTERM', Labels: labels },
      },
      rootfs: { type: 'layers', diff_ids: layers.map(({ diffId }) => diffId) },
      history: layers.map(({ name }) => ({ created, created_by: `dure image: ${name}` })),
    }),
  )
  const manifest = {
    ...{ schemaVersion: 2, mediaType: MEDIA.manifest, config, layers: layers.map(({ blob }) => blob) },
    annotations: { 'org.opencontainers.image.created': created, ...labels },
  }
  return { ...layout.put(MEDIA.manifest, JSON.stringify(manifest satisfies Manifest)), platform }
}

/** Telemetry says which build it is of. */
const versionOf = ({ version }: Origin): readonly string[] => (version === undefined ? [] : [`DURE_VERSION=${version}`])

/** What is attached to an image is a manifest whose subject it is: OCI Distribution 1.1, referrers. */
function attach(layout: Layout, project: Project, base: Base, image: Descriptor): readonly Descriptor[] {
  const { root, packages, origin, entrypoint, command } = project
  const { platform, ...subject } = image
  const direct = packages.filter(({ path }) => !path.includes('/node_modules/')).map(({ path }) => path)
  const { version: builder = '' } = readManifest(join(import.meta.dirname, '../../package.json'))
  const how = {
    ...{ program: [...entrypoint, ...command], node: base.node.version, builder },
    lock: sha256(readFileSync(join(root, 'package-lock.json'))),
  }
  const documents = [
    [PARTS, partsOf(origin, base, packages, direct)],
    [PROVENANCE, provenanceOf(origin, image, how)],
  ] as const
  return documents.map(([artifactType, document]) => {
    const content = layout.put(artifactType, JSON.stringify(document))
    const manifest = {
      ...{ schemaVersion: 2, mediaType: MEDIA.manifest, artifactType },
      ...{ config: layout.put(MEDIA.empty, '{}'), layers: [content], subject },
    }
    return { ...layout.put(MEDIA.manifest, JSON.stringify(manifest)), artifactType }
  })
}
