import assert from 'node:assert/strict'
import { test } from 'node:test'
import { realRuntime } from 'dure/runtime'
import { createLogger } from 'dure/telemetry'
import { until } from '../bytes.test-support.ts'
import { named, started } from '../gateway.test-support.ts'
import { followIngress, ingressRoutes } from '../gateway.ts'
import { maker, shownFor, skip, type Made } from '../tls.test-support.ts'

const base64 = (text: string): string => Buffer.from(text).toString('base64')
const secret = (name: string, { certificate, key }: Pick<Made, 'certificate' | 'key'>): object => ({
  ...{ kind: 'Secret', type: 'kubernetes.io/tls', metadata: { name } },
  data: { 'tls.crt': base64(certificate), 'tls.key': base64(key) },
})
const ingress = (name: string, ...tls: readonly object[]): object => ({
  ...{ kind: 'Ingress', metadata: { name }, spec: { tls, defaultBackend: { service: { name: 'one', port: { number: 80 } } } } },
})
const sliceOf = (address: string): object => ({
  ...{ kind: 'EndpointSlice', metadata: { name: 'one-1', labels: { 'kubernetes.io/service-name': 'one' } } },
  ...{ addressType: 'IPv4', ports: [{ port: Number(address.split(':')[1]) }], endpoints: [{ addresses: ['127.0.0.1'] }] },
})

test('a host has the certificate of its Secret; what cannot be used is said, and takes no host but its own', { skip }, (t) => {
  const { make } = maker(t)
  const [shop, other, nameless] = [make('shop', 'shop.test', '*.shop.test'), make('other', 'other.test'), make('nameless')]
  const documents = [
    ingress('a', { hosts: ['shop.test', 'EU.shop.test'], secretName: 'shop' }, { secretName: 'other' }),
    ingress(
      'b',
      ...[{ hosts: ['gone.test'], secretName: 'gone' }, { hosts: ['x.test'] }, { hosts: ['half.test'], secretName: 'half' }],
      ...[{ hosts: ['mixed.test'], secretName: 'mixed' }, { secretName: 'nameless' }],
      { hosts: ['shop.test', 'strange.test', 'a b.shop.test', 7], secretName: 'shop' },
    ),
    ...[secret('shop', shop), secret('other', other), secret('nameless', nameless)],
    secret('mixed', { certificate: shop.certificate, key: other.key }),
    { kind: 'Secret', metadata: { name: 'half' }, data: { 'tls.crt': 7 } },
    { ...secret('gone', shop), metadata: { name: 'gone', namespace: 'elsewhere' } },
  ]
  const { configuration, notes } = ingressRoutes(documents, { tls: 'secrets' })
  const { certificates, strict } = configuration.tls!
  assert.deepEqual([certificates.map(({ names }) => names), strict], [[['shop.test', 'eu.shop.test'], ['other.test']], true])
  const said = notes.map(({ object, at, why }) => `${object} ${at}: ${why}`)
  assert.deepEqual(said.slice(1), [
    'Ingress default/b spec.tls[0]: there is no Secret "gone" of type kubernetes.io/tls: it is left out',
    'Ingress default/b spec.tls[1]: it names no Secret: it is left out',
    'Ingress default/b spec.tls[2]: the Secret "half" has no tls.crt, or no tls.key: it is left out',
    'Ingress default/b spec.tls[3]: the Secret "mixed" cannot be used: the certificate has a key that does not belong to it: it is left out',
    'Ingress default/b spec.tls[4]: its certificate names no host, and there are no "hosts": it is left out',
    'Ingress default/b spec.tls[5]: the host "shop.test" has another Secret already: it is left out',
    'Ingress default/b spec.tls[5]: the host "strange.test" is not in its certificate: it is left out',
    'Ingress default/b spec.tls[5]: the host "a b.shop.test" is not in its certificate: it is left out',
    'Ingress default/b spec.tls[5]: the host "7" is not in its certificate: it is left out',
  ])
  assert.equal(ingressRoutes(documents).configuration.tls, undefined)
})

test('certificates come, change and go with their Secrets, and no key is ever said', { skip }, async (t) => {
  const { make } = maker(t)
  const [shop, next, other] = [make('shop', 'shop.test'), make('next', 'shop.test'), make('other', 'other.test')]
  const server = await named(t, 'one')
  const web = ingress('web', { hosts: ['shop.test'], secretName: 'shop' }, { hosts: ['other.test'], secretName: 'other' })
  let documents: readonly unknown[] = [web, sliceOf(server.address)]
  const watchers = new Set<() => void>()
  const said: string[] = []
  const { routes, stop } = followIngress({
    source: {
      objects: () => documents,
      watch: (changed) => (watchers.add(changed), { stop: () => void watchers.delete(changed) }),
      freshness: () => ({ fresh: true }),
    },
    tls: 'secrets',
    runtime: realRuntime(),
    log: createLogger({ clock: realRuntime().clock, write: (line) => void said.push(line) }),
  })
  t.after(stop)
  const { url } = await started(t, { routes })
  const change = async (...secrets: readonly object[]): Promise<void> => {
    const { version } = routes.current()
    documents = [web, sliceOf(server.address), ...secrets]
    for (const changed of watchers) changed()
    await until(() => routes.current().version !== version)
  }
  await assert.rejects(shownFor(t, url, 'shop.test'))
  await assert.rejects(shownFor(t, url))
  await change(secret('shop', shop), secret('other', other))
  assert.deepEqual([await shownFor(t, url, 'shop.test'), await shownFor(t, url, 'other.test')], ['shop', 'other'])
  await change(secret('shop', next), secret('other', { ...other, certificate: 'nonsense' }))
  assert.equal(await shownFor(t, url, 'shop.test'), 'next')
  await assert.rejects(shownFor(t, url, 'other.test'))
  await change(secret('other', other))
  assert.equal(await shownFor(t, url, 'other.test'), 'other')
  await assert.rejects(shownFor(t, url, 'shop.test'))
  assert.ok(said.some((line) => line.includes('there is no Secret \\"shop\\" of type')))
  const keys = [shop, next, other].map(({ key }) => key.split('\n')[1]!)
  assert.ok(!said.some((line) => keys.some((key) => line.includes(key))))
})
