import assert from 'node:assert/strict'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test, type TestContext } from 'node:test'
import { virtualRuntime } from 'dure/runtime'
import { openLayout, type Manifest } from '../image/image.ts'
import { built, project, temporary, write } from '../project.test-support.ts'
import { credentialsFor } from './credentials.ts'
import { pushImage, type PushOptions, type Pushed } from './push.ts'
import { readReference } from './reference.ts'
import { fakeRegistry, type FakeRegistry } from './registry.test-support.ts'

const LINUX = { skip: process.platform === 'linux' ? false : 'images are built on Linux' }

/** Pauses end at once. */
const runtime = { ...virtualRuntime({ seed: 1 }), timers: { ...virtualRuntime({ seed: 1 }).timers, sleep: async () => {} } }

const pushed = (registry: FakeRegistry, layout: string, more: Partial<PushOptions> = {}): Promise<Pushed> =>
  pushImage(`${registry.host}/team/shop:1.2.3`, { layout, runtime, ...more })

test('an image is brought with what is attached to it; what is there is not sent again', LINUX, async (t) => {
  const registry = await fakeRegistry(t)
  const folder = project(t)
  const image = await built(t, folder)
  const first = await pushed(registry, image.layout)
  assert.equal(first.reference, `${registry.host}/team/shop@${image.digest}`)
  const layout = openLayout(image.layout)
  assert.deepEqual(registry.manifests.get('1.2.3')?.bytes, layout.bytes(layout.find('latest').image))
  // Without a list of its own, the registry has one by tag.
  const list = JSON.parse(registry.manifests.get(image.digest.replace(':', '-'))!.bytes.toString()) as {
    manifests: readonly { digest: string; artifactType: string }[]
  }
  assert.deepEqual(
    list.manifests.map(({ digest, artifactType: type }) => ({ type, digest })),
    image.attached,
  )
  const again = await pushed(registry, image.layout)
  assert.deepEqual([again.sent.blobs, again.skipped], [0, first.sent.blobs + first.skipped])
  write(folder, { 'main.js': 'console.log(2)\n' })
  await built(t, folder, { layout: image.layout })
  const sent: string[] = []
  await pushed(registry, image.layout, { progress: ({ digest, isSent }) => void (isSent && sent.push(digest)) })
  const { layers, config } = layout.read(layout.find('latest').image) as Manifest
  assert.ok(sent.includes(layers[2]!.digest) && sent.includes(config.digest))
  // The provenance is of the new image; the list of parts is as it was.
  assert.equal(sent.length, 3)
})

test('a registry that goes away in the middle leaves what came, and the next push goes on from there', LINUX, async (t) => {
  const registry = await fakeRegistry(t)
  const image = await built(t, project(t))
  let puts = 0
  registry.meanwhile = (request, response) => {
    if (request.method !== 'PUT' || ++puts < 3) return false
    response.destroy()
    return true
  }
  await assert.rejects(pushed(registry, image.layout, { tries: 3 }), {
    code: 'REGISTRY',
    message: /^Cannot send sha256:[0-9a-f]+: the connection was broken off$/,
  })
  assert.equal(registry.blobs.size, 2)
  assert.equal(registry.manifests.has('1.2.3'), false)
  registry.meanwhile = () => false
  const { sent, skipped } = await pushed(registry, image.layout)
  assert.equal(registry.manifests.has('1.2.3'), true)
  assert.ok(skipped >= 2 && sent.blobs > 0)
})

test('what failed for a while is sent again from the beginning; what is refused is not', LINUX, async (t) => {
  const registry = await fakeRegistry(t)
  const image = await built(t, project(t))
  let failures = 0
  registry.meanwhile = (request, response) => {
    if (request.method !== 'PUT' || failures++ % 2 === 1) return false
    response.writeHead(503).end()
    return true
  }
  await pushed(registry, image.layout)
  assert.equal(registry.manifests.has('1.2.3'), true)
  const other = await fakeRegistry(t)
  other.meanwhile = (request, response) => {
    if (request.method !== 'POST') return false
    response.writeHead(403).end(JSON.stringify({ errors: [{ code: 'DENIED', message: 'quota' }] }))
    return true
  }
  await assert.rejects(
    pushed(other, image.layout),
    /answered 403 \(DENIED: quota\); log in first, with podman login or docker login/,
  )
  assert.equal(other.asked.filter((one) => one.startsWith('POST')).length, 1)
})

for (const scheme of ['Basic', 'Bearer'] as const)
  test(`credentials are given to whoever asks for ${scheme}, and to nobody else`, LINUX, async (t) => {
    const registry = await fakeRegistry(t)
    const tokens = await fakeRegistry(t)
    const credentials = { username: 'ann', password: 'pass:word' }
    const basic = `Basic ${Buffer.from('ann:pass:word').toString('base64')}`
    const scopes: (string | null)[] = []
    tokens.meanwhile = (request, response) => {
      const isRight = request.headers.authorization === basic
      scopes.push(new URL(request.url!, 'http://x').searchParams.get('scope'))
      response.writeHead(isRight ? 200 : 401).end(JSON.stringify({ token: 'good' }))
      return true
    }
    const wanted = scheme === 'Basic' ? basic : 'Bearer good'
    const challenge = scheme === 'Basic' ? 'Basic realm="r"' : `Bearer realm="http://${tokens.host}/token",service="s"`
    registry.meanwhile = (request, response) => {
      if (request.headers.authorization === wanted) return false
      response.writeHead(401, { 'www-authenticate': challenge }).end()
      return true
    }
    const image = await built(t, project(t))
    await assert.rejects(pushed(registry, image.layout), /log in first|run: podman login/)
    const wrong = { username: 'ann', password: 'no' }
    await assert.rejects(pushed(registry, image.layout, { credentials: wrong }), (error: Error) => {
      assert.match(error.message, /answered 401.*this user may not do it/)
      assert.doesNotMatch(error.message, /Basic|am5u|no:/)
      return true
    })
    await pushed(registry, image.layout, { credentials })
    assert.ok(scopes.every((scope) => scope === 'repository:team/shop:pull,push'))
    // A registry that has blobs put to another machine does not tell it who we are.
    const storage = await fakeRegistry(t)
    const seen = new Set<string | undefined>()
    storage.meanwhile = (request) => {
      seen.add(request.headers.authorization)
      return false
    }
    const { meanwhile } = registry
    registry.meanwhile = (request, response) => {
      if (request.method !== 'POST' || request.headers.authorization !== wanted) return meanwhile(request, response)
      response.writeHead(202, { location: `http://${storage.host}/upload?state=x` }).end()
      return true
    }
    registry.blobs.clear()
    await pushed(registry, image.layout, { credentials })
    assert.deepEqual([...seen], [undefined])
  })

test('names of images are read as registries mean them', () => {
  assert.deepEqual(readReference('localhost/a_b/c--d:V1'), { host: 'localhost', repository: 'a_b/c--d', tag: 'V1' })
  for (const wrong of [
    'shop',
    'shop/orders',
    'h.example/Shop',
    'h.example/',
    'h.example/a:b c',
    'u@h.example/a',
    'h.example/../a',
    'h.example/a@b',
  ])
    assert.throws(() => readReference(wrong), { code: 'REGISTRY', message: /write HOST\[:PORT\]\/NAME/ }, wrong)
})

test('credentials are those that podman or docker have written down', (t: TestContext) => {
  const folder = temporary(t)
  const auth = Buffer.from('ann:a:b').toString('base64')
  writeFileSync(join(folder, 'auth.json'), JSON.stringify({ auths: { 'registry.example': { auth }, 'other.example': {} } }))
  const environment = { REGISTRY_AUTH_FILE: join(folder, 'auth.json'), HOME: folder }
  assert.deepEqual(credentialsFor('registry.example', environment), { username: 'ann', password: 'a:b' })
  assert.equal(credentialsFor('other.example', environment), undefined)
  writeFileSync(join(folder, 'auth.json'), '{')
  assert.equal(credentialsFor('registry.example', environment), undefined)
})
