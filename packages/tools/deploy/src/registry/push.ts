import { openAsBlob } from 'node:fs'
import { DeployError } from '../errors.ts'
import { MEDIA, openLayout, type Descriptor, type Layout, type Manifest } from '../image/image.ts'
import { openRegistry, type RegistryClient, type RegistryOptions } from './client.ts'
import { readReference } from './reference.ts'

export type PushOptions = RegistryOptions & {
  /** The layout with the image, and its name there. Default `latest`. */
  readonly layout: string
  readonly tag?: string
  /** Told of each blob: whether it had to be sent. */
  readonly progress?: (blob: { readonly digest: string; readonly bytes: number; readonly isSent: boolean }) => void
}

export type Pushed = {
  /** The image as others name it, by its digest: what a deployment should say. */
  readonly reference: string
  readonly digest: string
  readonly sent: { readonly blobs: number; readonly bytes: number }
  /** Blobs that the registry had. */
  readonly skipped: number
}

/**
 * Brings an image, and what is attached to it, into a registry over HTTP (OCI Distribution 1.1). What the registry has is not sent again,
 * so that a push that was broken off goes on with the next; the tag is moved last, when all is there.
 * @param reference `HOST[:PORT]/NAME[:TAG]`
 * @throws {DeployError} `REGISTRY` with the registry's answer, once what failed for a while has failed `tries` times
 *
 * @example
 * ```ts
 * import { DeployError, pushImage } from '@dure/deploy'
 *
 * const refused = await pushImage('shop', { layout: 'image' }).catch((error: unknown) => error)
 * console.log(refused instanceof DeployError && refused.code) // → REGISTRY
 * ```
 */
export async function pushImage(reference: string, options: PushOptions): Promise<Pushed> {
  const { tag = 'latest', progress } = options
  const target = readReference(reference)
  const layout = openLayout(options.layout)
  const { image, attached } = layout.find(tag)
  const registry = openRegistry(target, options)
  const sent = { blobs: 0, bytes: 0 }
  let skipped = 0
  const blobsOf = async (manifest: Descriptor): Promise<void> => {
    const { config, layers } = layout.read(manifest) as Manifest
    for (const blob of [config, ...layers]) {
      const isSent = await sendBlob(registry, layout, blob)
      if (isSent) sent.bytes += blob.size
      if (isSent) sent.blobs++
      else skipped++
      progress?.({ digest: blob.digest, bytes: blob.size, isSent })
    }
  }
  await blobsOf(image)
  await sendManifest(registry, layout, image, image.digest)
  for (const one of attached) {
    await blobsOf(one)
    await sendManifest(registry, layout, one, one.digest)
  }
  await sendManifest(registry, layout, image, target.tag)
  return { reference: `${target.host}/${target.repository}@${image.digest}`, digest: image.digest, sent, skipped }
}

/** Whether it had to be sent. */
function sendBlob(registry: RegistryClient, layout: Layout, blob: Descriptor): Promise<boolean> {
  return registry.retried(async () => {
    const there = await registry.send(
      { what: `look for ${blob.digest}`, method: 'HEAD', path: `blobs/${blob.digest}` },
      [200, 404],
    )
    if (there.status === 200) return false
    if (!layout.has(blob))
      throw new DeployError(
        'LAYOUT',
        `Cannot send ${blob.digest} of "${layout.folder}": it is not there whole; build the image again`,
      )
    const begun = await registry.send({ what: `send ${blob.digest}`, method: 'POST', path: 'blobs/uploads/' }, [202])
    const location = begun.headers.get('location')
    if (location === null) throw new DeployError('REGISTRY', `Cannot send ${blob.digest}: the registry does not say where to`)
    const url = new URL(location, registry.base)
    url.searchParams.set('digest', blob.digest)
    const sent = {
      ...{ what: `send ${blob.digest}`, method: 'PUT' as const, path: url.href },
      headers: { 'content-type': 'application/octet-stream' },
      body: await openAsBlob(layout.path(blob.digest)),
    }
    await (await registry.send(sent, [201])).body?.cancel()
    return true
  })
}

async function sendManifest(registry: RegistryClient, layout: Layout, one: Descriptor, name: string): Promise<void> {
  const manifest = layout.read(one) as Manifest
  const body = layout.bytes(one).toString()
  const response = await registry.retried(() =>
    registry.send(
      {
        what: `send the manifest "${name}"`,
        method: 'PUT',
        path: `manifests/${name}`,
        headers: { 'content-type': MEDIA.manifest },
        body,
      },
      [201],
    ),
  )
  await response.body?.cancel()
  const digest = response.headers.get('docker-content-digest') ?? one.digest
  if (digest !== one.digest)
    throw new DeployError(
      'REGISTRY',
      `Cannot send the manifest "${name}": the registry has made it ${digest}, and it is ${one.digest}`,
    )
  if (manifest.subject !== undefined && response.headers.get('oci-subject') === null)
    await listAttached(registry, manifest.subject, { ...one, artifactType: manifest.artifactType! })
}

/** Where a registry does not list what is attached to an image, a tag made of the image's digest does (OCI Distribution 1.1, referrers tag schema). */
async function listAttached(registry: RegistryClient, subject: Descriptor, one: Descriptor): Promise<void> {
  const path = `manifests/${subject.digest.replace(':', '-')}`
  const what = `list what is attached to ${subject.digest}`
  await registry.retried(async () => {
    const response = await registry.send({ what, method: 'GET', path, headers: { accept: MEDIA.index } }, [200, 404])
    const { manifests = [] } = response.status === 200 ? ((await response.json()) as { manifests?: readonly Descriptor[] }) : {}
    await (response.status === 404 ? response.body?.cancel() : undefined)
    if (manifests.some(({ digest }) => digest === one.digest)) return
    const body = JSON.stringify({ schemaVersion: 2, mediaType: MEDIA.index, manifests: [...manifests, one] })
    const sent = await registry.send({ what, method: 'PUT', path, headers: { 'content-type': MEDIA.index }, body }, [201])
    await sent.body?.cancel()
  })
}
