import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { realRuntime } from 'dure/runtime'
import { createLogger } from 'dure/telemetry'
import { named, started } from '../gateway.test-support.ts'
import { until } from '../bytes.test-support.ts'
import { followIngress, ingressRoutes, liveRoutes, readIngressFile } from '../gateway.ts'

const backend = (name: string, port: object = { number: 80 }): object => ({ service: { name, port } })
const path = (at: string, to: object, pathType = 'Prefix'): object => ({ path: at, pathType, backend: to })
const ingress = (name: string, spec: object, metadata: object = {}): object => ({
  ...{ apiVersion: 'networking.k8s.io/v1', kind: 'Ingress', metadata: { name, ...metadata }, spec },
})
const rules = (...all: readonly (readonly [host: string | undefined, ...paths: object[]])[]): object => ({
  rules: all.map(([host, ...paths]) => ({ ...(host !== undefined && { host }), http: { paths } })),
})
const service = (name: string, ...ports: readonly object[]): object => ({ kind: 'Service', metadata: { name }, spec: { ports } })
const slice = (name: string, address: string, port: string = ''): object => ({
  ...{
    kind: 'EndpointSlice',
    metadata: { name: `${name}-1`, labels: { 'kubernetes.io/service-name': name } },
    addressType: 'IPv4',
  },
  ports: [{ name: port, port: Number(address.split(':')[1]) }],
  endpoints: [
    { addresses: [address.split(':')[0]], conditions: { ready: true } },
    { addresses: ['10.255.255.1'], conditions: { ready: false } },
  ],
})

test('rules, hosts, kinds of paths and a default take requests as Kubernetes has it', async (t) => {
  const names = ['exact', 'prefix', 'longer', 'wild', 'rest', 'port']
  const servers = Object.fromEntries(
    await Promise.all(names.map(async (name) => [name, (await named(t, name)).address] as const)),
  )
  const { configuration, notes } = ingressRoutes([
    {
      kind: 'List',
      items: [
        ingress('web', {
          ...rules(
            [
              'shop.test',
              path('/a', backend('exact'), 'Exact'),
              path('/a', backend('prefix')),
              path('/a/b', backend('longer'), 'ImplementationSpecific'),
            ],
            ['*.shop.test', path('/', backend('wild'))],
            [undefined, path('/port', backend('port', { name: 'web' }))],
          ),
          defaultBackend: backend('rest'),
        }),
        ...Object.entries(servers).map(([name, address]) => slice(name, address, name === 'port' ? 'web' : '')),
        service('port', { name: 'admin', port: 81 }, { name: 'web', port: 80 }),
      ],
    },
  ])
  assert.deepEqual(notes, [])
  const { lines } = await started(t, { routes: configuration }).then(async ({ url, lines }) => {
    const { request } = await import('node:http')
    const ask = (host: string, at: string): Promise<string> =>
      new Promise((resolve, reject) => {
        request(url + at, { headers: { host } }, (answer) => {
          answer.resume()
          resolve(String(answer.headers['x-server']))
        })
          .on('error', reject)
          .end()
      })
    const cases: readonly (readonly [host: string, at: string, to: string])[] = [
      ['shop.test', '/a', 'exact'],
      ['SHOP.test:8080', '/a', 'exact'],
      ['shop.test', '/a/c', 'prefix'],
      ['shop.test', '/a/b', 'longer'],
      ['shop.test', '/a/b/c', 'longer'],
      ['shop.test', '/a/bc', 'prefix'],
      ['shop.test', '/ab', 'rest'],
      ['eu.shop.test', '/a', 'wild'],
      ['a.eu.shop.test', '/a', 'rest'],
      ['other', '/port/1', 'port'],
      ['other', '/', 'rest'],
    ]
    for (const [host, at, to] of cases) assert.equal(await ask(host, at), to, `${host}${at}`)
    return { lines }
  })
  await until(() => lines.length === 11)
  assert.equal(lines[0]!.route, 'web/0/0')
})

test('what is not understood is said, and takes nothing from the rest', () => {
  const { configuration, notes } = ingressRoutes([
    null,
    7,
    { kind: 'ConfigMap' },
    { kind: 'Ingress', metadata: 'x', spec: [] },
    ingress('other', { ingressClassName: 'nginx', defaultBackend: backend('x') }),
    ingress('old', { defaultBackend: backend('x') }, { annotations: { 'kubernetes.io/ingress.class': 'nginx' } }),
    ingress('mine', { ingressClassName: 'dure', ...rules(['a.test', path('/', backend('a'))]) }),
    ingress('young', rules(['a.test', path('/', backend('b'))]), { creationTimestamp: '2026-11-29T00:00:00Z' }),
    ingress(
      'odd',
      {
        tls: [{ hosts: ['x'], secretName: 's' }],
        ...rules(
          [
            'b.test',
            path('/x', { resource: { kind: 'Bucket', name: 'b' } }),
            path('/{id}', backend('c')),
            path('/t', backend('c'), 'Regex'),
          ],
          ['bad_host', path('/', backend('c'))],
          [
            'c.test',
            path('a', backend('c')),
            path('/..', backend('c')),
            path('/p', backend('c', {})),
            path('/n', backend('d', { name: 'web' })),
          ],
          ['d.test', path('/e', backend('e', { number: 99 })), path('/f', backend('f')), path('/서울', backend('c'))],
        ),
      },
      {
        annotations: {
          'nginx.ingress.kubernetes.io/rewrite-target': '/$1',
          'kubectl.kubernetes.io/last-applied-configuration': '{}',
        },
      },
    ),
    service('e', { port: 80 }),
    { kind: 'Service', metadata: { name: 'f' }, spec: { type: 'ExternalName', externalName: 'db.internal' } },
  ])
  assert.deepEqual(
    notes.map(({ object, at, why }) => `${object} ${at}: ${why}`),
    [
      'Ingress default/odd metadata.annotations.nginx.ingress.kubernetes.io/rewrite-target: it is an annotation that is not understood: it does nothing here',
      'Ingress default/odd spec.tls: certificates are not taken from Secrets: give them to the gateway itself, or to who stands before it',
      'Ingress default/odd spec.rules[0].http.paths[0].backend: resources are not understood, only services: it is left out',
      'Ingress default/odd spec.rules[0].http.paths[2]: its pathType "Regex" is none of Exact, Prefix, ImplementationSpecific: it is left out',
      'Ingress default/odd spec.rules[1].http.paths[0]: its host "bad_host" is none; give one in lower case, without a port: it is left out',
      'Ingress default/odd spec.rules[2].http.paths[0]: its prefix "a" does not begin with "/": it is left out',
      'Ingress default/odd spec.rules[2].http.paths[1]: its prefix "/.." has the segment ".."; a segment is text as it stands in a URL, or one parameter, "{id}": it is left out',
      'Ingress default/odd spec.rules[2].http.paths[2].backend: it names no port: it is answered with 503',
      'Ingress default/odd spec.rules[2].http.paths[3].backend: there is no Service "d" that could say which port "web" is: it is answered with 503',
      'Ingress default/odd spec.rules[3].http.paths[0].backend: the Service "e" has no port 99: it is answered with 503',
      'Ingress default/odd spec.rules[3].http.paths[1].backend: the Service "f" is of type ExternalName, which is not understood: it is answered with 503',
      'Ingress default/young spec.rules[0].http.paths[0]: it asks for the same as "mine/0/0": it is left out',
    ],
  )
  assert.deepEqual(Object.keys(configuration.routes), [
    'mine/0/0',
    'odd/0/1',
    'odd/2/2',
    'odd/2/3',
    'odd/3/0',
    'odd/3/1',
    'odd/3/2',
  ])
  assert.deepEqual(configuration.routes['odd/0/1'], { to: 'default/c:80', host: 'b.test', prefix: '/%7Bid%7D' })
  liveRoutes(configuration)
})

test('instances may be those of the registry, by the names of the Service’s ports', () => {
  const documents = [
    ingress(
      'web',
      rules([
        undefined,
        path('/a', backend('a')),
        path('/b', backend('b', { name: 'web' })),
        path('/c', backend('c')),
        path('/d', backend('d')),
      ]),
    ),
    service('a', { port: 80, targetPort: 8080 }),
    service('c', { name: 'first', port: 81 }, { name: 'second', port: 80 }),
  ]
  const { configuration, notes } = ingressRoutes(documents, { instances: 'registry' })
  assert.deepEqual(configuration.upstreams, {
    'default/a:80': { service: 'a', endpoint: 'http' },
    'default/b:web': { service: 'b', endpoint: 'web' },
    'default/c:80': { service: 'c', endpoint: 'second' },
    'default/d:80': { addresses: [] },
  } as object)
  assert.match(notes[0]!.why, /there is no Service "d" that could say which port 80 is/)
})

test('documents are followed: what comes moves requests, what is odd is said once, and what is broken leaves the old', async (t) => {
  const [one, two] = [await named(t, 'one'), await named(t, 'two')]
  let documents: readonly unknown[] = [
    ingress('web', { defaultBackend: backend('one') }),
    slice('one', one.address),
    slice('two', two.address),
  ]
  const changed = new Set<() => void>()
  const said: string[] = []
  const followed = followIngress({
    source: {
      objects: () => documents,
      watch: (each) => {
        changed.add(each)
        return { stop: () => void changed.delete(each) }
      },
      freshness: () => ({ fresh: true }),
    },
    runtime: realRuntime(),
    log: createLogger({ clock: realRuntime().clock, write: (text) => void said.push(text) }),
  })
  t.after(followed.stop)
  const { get } = await started(t, { routes: followed.routes })
  const first = followed.routes.current().version
  const change = async (spec: object, metadata: object = {}): Promise<void> => {
    const { version } = followed.routes.current()
    documents = [ingress('web', spec, metadata), ...documents.slice(1)]
    for (const each of changed) each()
    await until(() => followed.routes.current().version !== version)
  }
  assert.equal((await get('/a')).text, 'one GET /a')
  const odd = { annotations: { 'nginx.ingress.kubernetes.io/x': 'y' } }
  await change({ defaultBackend: backend('two') }, odd)
  assert.equal((await get('/a')).text, 'two GET /a')
  await change({ defaultBackend: backend('one') }, odd)
  assert.equal(followed.routes.current().version, first)
  assert.equal((await get('/a')).text, 'one GET /a')
  await change(rules([undefined, path('/b', backend('two'))]))
  assert.deepEqual([(await get('/a')).status, (await get('/b')).text], [404, 'two GET /b'])
  assert.equal(said.filter((each) => each.includes('A part of an Ingress is not used')).length, 1)
})

test('a file of documents is read whole, or refused with its line', () => {
  assert.equal(readIngressFile('kind: Ingress\n---\n# nothing\n---\nkind: Service\n', 'x.yaml').length, 2)
  assert.throws(() => readIngressFile('kind: Ingress\n---\nroutes: {}\n', 'x.yaml'), /x.yaml:3: it is no document of Kubernetes/)
  assert.throws(() => readIngressFile('kind: &a Ingress\n', 'x.yaml'), /x.yaml:1: .*anchor/)
})

test('whatever documents say, what comes of them can be used', () => {
  const text = fc.oneof(fc.constantFrom('/', '/a', '*.a.test', 'a.test', 'Exact', 'dure', 'web'), fc.string())
  const any = fc.anything({ maxDepth: 3 })
  const found = fc.record(
    {
      host: fc.oneof(text, any),
      http: fc.record({
        paths: fc.array(
          fc.record({ path: fc.oneof(text, any), pathType: text, backend: fc.oneof(any, fc.constant(backend('a'))) }),
        ),
      }),
    },
    { requiredKeys: [] },
  )
  const document = fc.record({
    kind: fc.constantFrom('Ingress', 'Service', 'EndpointSlice', 'List'),
    metadata: fc.oneof(any, fc.record({ name: text, annotations: any, labels: any })),
    spec: fc.oneof(
      any,
      fc.record({ rules: fc.array(found), defaultBackend: fc.oneof(any, fc.constant(backend('a'))), tls: any, ports: any }),
    ),
    ports: any,
    endpoints: any,
    items: any,
  })
  fc.assert(
    fc.property(
      fc.array(fc.oneof(document, any), { maxLength: 5 }),
      fc.constantFrom('registry', 'documents'),
      (documents, instances) => {
        liveRoutes(ingressRoutes(documents, { instances }).configuration)
      },
    ),
    { numRuns: 300 },
  )
})
