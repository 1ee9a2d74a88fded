/**
 * `peers.test-support.ts CRANE`: what others make of our images. skopeo reads one, umoci unpacks it, Go's registry takes it from our client and is
 * killed meanwhile, crane judges what is there, and podman runs the first service and a service of the marketplace from it. A line for each check.
 */
import assert from 'node:assert/strict'
import { lstatSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { check } from '@dure/testing/foreign'
import { openPodman } from '@dure/testing/podman'
import { freePort } from '@dure/testing/servers'
import { openRegistryServer, until, words } from './containers.test-support.ts'
import { buildImage, exportImage, gitOrigin, pushImage, type Image } from './deploy.ts'

const [crane = 'crane'] = process.argv.slice(2)
const examples = join(import.meta.dirname, '../../../../examples')
const folder = mkdtempSync(join(tmpdir(), 'dure-image-peers-'))
const layout = join(folder, 'layout')
const { podman, close } = openPodman(join(folder, 'podman'))
const registry = await openRegistryServer(crane, join(folder, 'registry'))
const build = (example: string, into: string, tag: string, ...services: readonly string[]): Promise<Image> => {
  const from = join(examples, example)
  return buildImage({ ...gitOrigin(from), folder: from, layout: into, tag, command: ['start', 'system.ts', ...services] })
}
const first = await build('first-service', layout, 'first')

await check('two builds in two places are one digest, and one file to the byte', async () => {
  const other = join(folder, 'other')
  assert.equal((await build('first-service', other, 'first')).digest, first.digest)
  for (const one of [layout, other]) await exportImage(one, `${one}.tar`, { tag: 'first' })
  assert.ok(readFileSync(`${layout}.tar`).equals(readFileSync(`${other}.tar`)))
  rmSync(other, { recursive: true })
})

await check('skopeo reads it: the digest, the platform, the labels, the layers', async () => {
  const said = JSON.parse(await words('skopeo', 'inspect', `oci:${layout}:first`)) as Readonly<Record<string, unknown>>
  assert.equal(said['Digest'], first.digest)
  assert.equal(said['Os'], 'linux')
  assert.deepEqual(
    said['Layers'],
    first.layers.map(({ digest }) => digest),
  )
  const { 'org.opencontainers.image.version': version } = said['Labels'] as Readonly<Record<string, string>>
  assert.equal(version, '0.1.0')
  await words('skopeo', 'copy', `oci-archive:${layout}.tar`, `oci:${join(folder, 'copied')}:first`)
})

await check('umoci unpacks it: no shell, nothing with setuid, nothing but /data is its user\u{2019}s', async () => {
  const bundle = join(folder, 'bundle')
  await words('umoci', 'unpack', '--image', `${layout}:first`, bundle)
  const all = readdirSync(join(bundle, 'rootfs'), { recursive: true, encoding: 'utf8' })
  assert.ok(all.length > 1_000)
  const stats = all.map((path) => ({ path, stat: lstatSync(join(bundle, 'rootfs', path)) }))
  assert.deepEqual(
    stats.filter(({ stat }) => stat.isFile() && (stat.mode & 0o6022) !== 0).map(({ path }) => path),
    [],
  )
  assert.deepEqual(
    stats.filter(({ stat }) => stat.uid !== 0).map(({ path }) => path),
    ['data'],
  )
  assert.deepEqual(
    all.filter((path) => /(?:^|\/)(?:ba|da|z)?sh$/.test(path)),
    [],
  )
  const { process: started } = JSON.parse(readFileSync(join(bundle, 'config.json'), 'utf8')) as {
    process: { user: { uid: number } }
  }
  assert.equal(started.user.uid, 65_532)
  rmSync(bundle, { recursive: true })
})

const name = `${registry.host}/examples/first`
await check('its registry is killed in the middle of a push; the next one goes on from there', async () => {
  let killed: Promise<void> | undefined
  const broken = pushImage(`${name}:1.0.0`, {
    ...{ layout, tag: 'first', tries: 2 },
    progress: ({ bytes }) => {
      if (bytes > 1_000_000) killed ??= registry.kill()
    },
  })
  await assert.rejects(broken, /the connection was (?:refused|broken off)/)
  await killed
  await registry.start()
  assert.match(
    await words(crane, 'digest', `${name}:1.0.0`).catch((error: unknown) => String(error)),
    /MANIFEST_UNKNOWN|NAME_UNKNOWN/,
  )
  const { skipped, digest } = await pushImage(`${name}:1.0.0`, { layout, tag: 'first' })
  assert.equal(digest, first.digest)
  assert.ok(skipped >= 2, `${skipped} were there`)
  const again = await pushImage(`${name}:1.0.0`, { layout, tag: 'first' })
  assert.equal(again.sent.blobs, 0)
})

await check('crane finds it well formed, pulls it, and has its parts and its provenance', async () => {
  assert.equal(await words(crane, 'digest', `${name}:1.0.0`), first.digest)
  await words(crane, 'validate', '--remote', `${name}:1.0.0`)
  await words(crane, 'pull', '--format', 'oci', `${name}:1.0.0`, join(folder, 'pulled'))
  assert.ok(readdirSync(join(folder, 'pulled/blobs/sha256')).includes(first.digest.slice(7)))
  const list = JSON.parse(await words(crane, 'manifest', `${name}:${first.digest.replace(':', '-')}`)) as {
    manifests: readonly { artifactType: string; digest: string }[]
  }
  assert.deepEqual(
    list.manifests.map(({ artifactType: type, digest }) => ({ type, digest })),
    first.attached,
  )
  const { digest } = list.manifests[0]!
  const { layers } = JSON.parse(await words(crane, 'manifest', `${name}@${digest}`)) as { layers: readonly { digest: string }[] }
  const parts = JSON.parse(await words(crane, 'blob', `${name}@${layers[0]!.digest}`)) as {
    specVersion: string
    components: unknown[]
  }
  assert.equal(parts.specVersion, '1.6')
  assert.ok(parts.components.length > 20)
})

await check('podman loads it from one file as well, with its name', async () => {
  assert.match(await podman('load', '--input', `${layout}.tar`), /dure\/example-first-service:first$/)
})

type Running = { readonly id: string; readonly url: string }

/** Nothing may be written in it but its volume. */
async function started(image: string, volume: string): Promise<Running> {
  const port = await freePort()
  const flags = [
    '--detach',
    '--read-only',
    '--cap-drop=all',
    '--publish',
    `127.0.0.1:${port}:8080`,
    '--volume',
    `${volume}:/data`,
  ]
  const running = { id: await podman('run', ...flags, image), url: `http://127.0.0.1:${port}` }
  await ready(running)
  return running
}

async function ready({ id, url }: Running): Promise<void> {
  await until(async () => {
    if ((await podman('inspect', '--format', '{{.State.Running}}', id)) !== 'true')
      throw new Error(`It has ended: ${await podman('logs', id)}`)
    return fetch(`${url}/health/ready`).then(
      ({ ok }) => ok,
      () => false,
    )
  })
}

const posted = (url: string, body: unknown): Promise<number> =>
  fetch(url, { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) }).then(
    ({ status }) => status,
    () => 0,
  )
const counted = async ({ url }: Running): Promise<number> =>
  ((await (await fetch(`${url}/notes/count`)).json()) as { count: number }).count

let one: Running | undefined
let taken = 0
await check(
  'podman runs the first service from the registry: read-only, as nobody, with no right of root, and it answers',
  async () => {
    await podman('pull', '--quiet', '--tls-verify=false', `${name}:1.0.0`)
    one = await started(`${name}:1.0.0`, 'first')
    assert.equal(await posted(`${one.url}/notes`, { text: 'one' }), 200)
    taken++
    await until(async () => (await counted(one!)) === taken)
    const look = `try { require('node:fs').writeFileSync('/app/x', '') } catch ({ code }) { console.log(process.getuid(), code) }`
    assert.equal(await podman('exec', one.id, '/usr/bin/node', '--eval', look), '65532 EROFS')
    await assert.rejects(podman('exec', one.id, 'sh'), /executable file not found/)
  },
)

await check(
  'SIGTERM under load: whatever it took it answers, and it ends with 0; what was answered is there afterwards',
  async () => {
    const { id, url } = one!
    let open = true
    const load = Array.from({ length: 8 }, async () => {
      while (open) {
        const status = await posted(`${url}/notes`, { text: 'more' })
        if (status === 200) taken++
        else if (status !== 0 && status !== 503) throw new Error(`It answered ${status}`)
        else return
      }
    })
    await until(() => taken > 50)
    await podman('stop', '--time', '20', id)
    open = false
    await Promise.all(load)
    assert.equal(await podman('inspect', '--format', '{{.State.ExitCode}}', id), '0')
    await podman('start', id)
    await ready(one!)
    await until(async () => (await counted(one!)) >= taken)
    assert.equal(await counted(one!), taken)
  },
)

await check('killed, it comes back on its volume with all that it had answered', async () => {
  const { id } = one!
  await podman('kill', '--signal', 'KILL', id)
  await podman('wait', id)
  await podman('start', id)
  await ready(one!)
  await until(async () => (await counted(one!)) >= taken)
  assert.equal(await posted(`${one!.url}/notes`, { text: 'again' }), 200)
  await until(async () => (await counted(one!)) === taken + 1)
})

await check('one service of the marketplace runs from its image, with its door and its broker', async () => {
  const image = await build('marketplace', layout, 'product', 'product', 'broker', 'doors')
  assert.equal(image.layers[0]!.digest, first.layers[0]!.digest)
  const reference = `${registry.host}/examples/product:1.0.0`
  await pushImage(reference, { layout, tag: 'product' })
  await podman('pull', '--quiet', '--tls-verify=false', reference)
  const shop = await started(reference, 'shop')
  const product = { sellerId: 1, productId: 7, name: 'Tea', price: 3.5 }
  assert.equal(await posted(`${shop.url}/product`, product), 201)
  const found = (await (await fetch(`${shop.url}/product/1/7`)).json()) as { readonly name: string }
  assert.equal(found.name, 'Tea')
  await podman('stop', '--time', '20', shop.id)
  assert.equal(await podman('inspect', '--format', '{{.State.ExitCode}}', shop.id), '0')
})

await close()
await registry.kill()
rmSync(folder, { recursive: true, force: true })
