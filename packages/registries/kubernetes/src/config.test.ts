import assert from 'node:assert/strict'
import type { ServerResponse } from 'node:http'
import { test } from 'node:test'
import { configSourceConformance, type ConfigSourceRig } from 'dure/config/conformance'
import type { ConfigSource } from 'dure/config'
import { realRuntime } from 'dure/runtime'
import { silentLogger } from 'dure/telemetry'
import { kubernetesConfig, type KubernetesConfigOptions } from './config.ts'
import { until, type Teller } from './kubernetes.test-support.ts'
import { answering, line, listOf } from './server.test-support.ts'

const world = { directory: '.', runtime: realRuntime(), log: silentLogger() }
const FROM = [{ kind: 'ConfigMap', name: 'shop' }] as const

async function opened(t: Teller, options: KubernetesConfigOptions): Promise<ConfigSource> {
  const source = await kubernetesConfig(options)(world)
  t.after(() => source.stop())
  return source
}

/** Objects by their kind, as a kube-apiserver tells of them; `put` changes one and tells who watches. */
async function server(t: Teller) {
  type One = { readonly metadata: { readonly name: string; readonly resourceVersion: string }; readonly data?: object }
  const kinds = { configmaps: new Map<string, One>(), secrets: new Map<string, One>() }
  const watching = new Map<ServerResponse, readonly [keyof typeof kinds, string]>()
  const state = { there: true, version: 7, asked: [] as string[] }
  /** Whoever watches from a version on is told of all that came after it. */
  const history: { readonly kind: keyof typeof kinds; readonly name: string; readonly version: number; readonly text: string }[] =
    []
  const meant = (url: string): keyof typeof kinds => (url.includes('/secrets') ? 'secrets' : 'configmaps')
  const nameOf = (query: URLSearchParams): string => query.get('fieldSelector')!.replace('metadata.name=', '')
  const kubeconfig = await answering(t, {
    list: (query, response, request) => {
      if (!state.there) return void response.writeHead(503).end('{"message":"it is not ready"}')
      state.asked.push(`${meant(request.url!)} ${query.get('fieldSelector')}`)
      const one = kinds[meant(request.url!)].get(nameOf(query))
      response.end(listOf(String(state.version), ...(one === undefined ? [] : [one])))
    },
    watch: (query, response, request) => {
      if (!state.there) return void response.writeHead(503).end('{"message":"it is not ready"}')
      response.writeHead(200).flushHeaders()
      const [of, which, since] = [meant(request.url!), nameOf(query), Number(query.get('resourceVersion'))]
      for (const { kind, name, version, text } of history)
        if (kind === of && name === which && version > since) response.write(text)
      watching.set(response, [of, which])
      response.once('close', () => watching.delete(response))
    },
  })
  const put = (kind: keyof typeof kinds, name: string, data: object | undefined): void => {
    const metadata = { name, resourceVersion: String(++state.version) }
    const one = { metadata, ...(data !== undefined && { data }) }
    const type = data === undefined ? 'DELETED' : kinds[kind].has(name) ? 'MODIFIED' : 'ADDED'
    if (data === undefined) kinds[kind].delete(name)
    else kinds[kind].set(name, one)
    const text = line(type, one)
    history.push({ kind, name, version: state.version, text })
    for (const [response, [of, which]] of watching) if (of === kind && which === name) response.write(text)
  }
  const away = (on: boolean): void => {
    state.there = !on
    if (on) for (const response of watching.keys()) response.destroy()
  }
  return { kubeconfig, put, away, state }
}

const properties = (values: Readonly<Record<string, string>>): string =>
  Object.entries(values)
    .map(([key, value]) => `${escaped(key)}=${escaped(value)}\n`)
    .join('')
const escaped = (text: string): string => text.replaceAll(/[\\:=#! ]/g, String.raw`\$&`)

configSourceConformance('a ConfigMap', async (values): Promise<ConfigSourceRig> => {
  const ends: (() => unknown)[] = []
  const { kubeconfig, put, away } = await server({ after: (end: unknown) => void ends.unshift(end as () => unknown) })
  const set = async (next: Readonly<Record<string, string>>): Promise<void> =>
    put('configmaps', 'shop', { 'application.properties': properties(next) })
  await set(values)
  return {
    open: async () => kubernetesConfig({ from: FROM, kubeconfig, heartbeat: 50 })(world),
    set,
    away: async (on) => away(on),
    close: async () => {
      for (const end of ends) await end()
    },
  }
})

test('files go before single entries, profiles before the rest, and the first object before the others; Secrets stay secret', async (t) => {
  const { kubeconfig, put, state } = await server(t)
  const base64 = (text: string): string => Buffer.from(text).toString('base64')
  put('secrets', 'keys', { 'db.password': base64('pässword'), 'application.yml': base64('token: abc') })
  put('configmaps', 'shop', {
    'application.yml': 'a: base\nb: base\n---\nspring.config.activate.on-profile: "!prod"\na: never\n',
    'application-prod.properties': 'a=prod\n',
    'application-test.yml': 'a: test\n',
    'notes.txt': 'text',
    'payment.timeout': '500',
  })
  const from = [
    { kind: 'Secret', name: 'keys' },
    { kind: 'ConfigMap', name: 'shop' },
  ] as const
  const source = await opened(t, { from, profiles: ['prod'], kubeconfig })
  const { layers, revision } = await source.read()
  assert.deepEqual(
    layers.map(({ name, values }) => [
      name,
      Object.fromEntries([...values].map(([key, { value, secret }]) => [key, secret ? [value] : value])),
    ]),
    [
      ['Secret keys/application.yml', { token: ['abc'] }],
      ['Secret keys', { 'db.password': ['pässword'] }],
      ['ConfigMap shop/application-prod.properties', { a: 'prod' }],
      ['ConfigMap shop/application.yml', { a: 'base', b: 'base' }],
      ['ConfigMap shop', { 'notes.txt': 'text', 'payment.timeout': '500' }],
    ],
  )
  assert.deepEqual(
    [revision, layers[3]!.values.get('b')],
    ['8.9', { value: 'base', from: 'ConfigMap shop/application.yml', line: 2, revision: '9' }],
  )
  // Nothing else is asked for: an account may be limited to these.
  assert.deepEqual(new Set(state.asked), new Set(['secrets metadata.name=keys', 'configmaps metadata.name=shop']))
})

test('what is missing, broken or no text fails the reading by its name, and what comes after is read again', async (t) => {
  const { kubeconfig, put } = await server(t)
  const from = [...FROM, { kind: 'Secret', name: 'keys' }] as const
  const source = await opened(t, { from, kubeconfig })
  let told = 0
  source.watch(() => void told++)
  await assert.rejects(source.read(), (error: Error & { problems: readonly { from: string }[] }) => {
    assert.deepEqual(
      error.problems.map((one) => one.from),
      ['ConfigMap shop', 'Secret keys'],
    )
    return /it is not there/.test(error.message)
  })
  const cases: readonly (readonly [data: object, secret: object, why: RegExp])[] = [
    [{ 'application.yml': 'a: 1\na: 2\n' }, {}, /ConfigMap shop\/application\.yml:2: it has "a" again/],
    [{ 'application.json': '{' }, {}, /ConfigMap shop\/application\.json:1: it is no JSON/],
    [{}, { key: Buffer.from([0xff, 0xfe]).toString('base64') }, /Secret keys: key: it is no text in UTF-8/],
  ]
  for (const [data, secret, why] of cases) {
    const before = told
    put('configmaps', 'shop', data)
    put('secrets', 'keys', secret)
    await until('it is told', () => told > before)
    await until('it is refused for that', async () =>
      source.read().then(
        () => false,
        (error: Error) => why.test(error.message),
      ),
    )
  }
  put('configmaps', 'shop', { a: '1' })
  put('secrets', 'keys', {})
  await until('it is read', async () =>
    source.read().then(
      ({ layers }) => layers[0]?.values.get('a')?.value === '1',
      () => false,
    ),
  )
  put('configmaps', 'shop', undefined)
  await until('it is gone', async () =>
    source.read().then(
      () => false,
      (error: Error) => /ConfigMap shop: it is not there/.test(error.message),
    ),
  )
  assert.throws(() => kubernetesConfig({ from: [] }), /"from" is empty/)
})
