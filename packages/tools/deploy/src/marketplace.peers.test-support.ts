/**
 * `npm run peers -- marketplace-images [podman|kube|supervisor]`: the marketplace from one image, in three ways: a container for each service on one network (podman), the documents of
 * a release (`podman kube play`), and a supervisor with a process for each service. Each is filled through its door and has the benchmark's workload, under which
 * something of it is killed; then every invariant is held to it. A line for each check.
 */
import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { chmodSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { check } from '@dure/testing/foreign'
import { openPodman } from '@dure/testing/podman'
import { freePort } from '@dure/testing/servers'
import { openRegistryServer, pause, until } from './containers.test-support.ts'
import { buildImage, describeRelease, kubernetesDocuments, kubernetesText, pushImage, type KubernetesObject } from './deploy.ts'
import { fill, holds as underWorkload, MARKETPLACE, marketplace } from './marketplace.test-support.ts'

const [crane = 'crane', ...named] = process.argv.slice(2)
const folder = mkdtempSync(join(tmpdir(), 'dure-marketplace-images-'))
const { podman, close } = openPodman(join(folder, 'podman'))
const registry = await openRegistryServer(crane, join(folder, 'registry'))
/** Networks are of the machine, not of the store. */
const network = `dure-${process.pid}`
/** Where all of them find the payment provider, by its name on the network. */
const PROVIDER = 'http://provider:8090'
const SECONDS = 15
/** Of each enough for every invariant to have something to hold: it is left out otherwise. */
const MIX = 'checkout:30,dashboard:20,price:10,product:5,delivery:35'

const layout = join(folder, 'layout')
const name = `${registry.host}/examples/marketplace`
const { digest } = await buildImage({ folder: MARKETPLACE, layout, tag: 'shop' })
const image = `${name}@${digest}`

/** A container of the image on the network, under a name that the others call it by; what it keeps is on a volume of its own. */
async function begin(called: string, words: readonly string[], options: readonly string[] = []): Promise<void> {
  const locked = ['--read-only', '--cap-drop', 'all', '--security-opt', 'no-new-privileges', '--tmpfs', '/tmp']
  await podman(
    ...['run', '--detach', '--name', called, '--network', network, '--volume', `${called}:/data`, ...locked],
    ...['--restart', 'on-failure:10', ...options, image, ...words],
  )
}

/** @throws with the last words of a container that has ended instead */
async function ready(url: string, containers: readonly string[]): Promise<void> {
  await until(async () => {
    for (const one of containers)
      if ((await podman('inspect', '--format', '{{.State.Running}}', one)) !== 'true')
        throw new Error(`"${one}" has ended: ${(await podman('logs', '--tail', '5', one)).slice(-2_000)}`)
    return fetch(`${url}/health/ready`).then(
      ({ ok }) => ok,
      () => false,
    )
  })
}

/** Has it fall over by itself, so that podman starts it again: one that podman is told to kill stays as it is. */
async function crash(container: string): Promise<void> {
  process.kill(Number(await podman('inspect', '--format', '{{.State.Pid}}', container)), 'SIGKILL')
}

/** Fills it, has the workload run, and something killed under it; then every invariant is held to what is there. */
async function holds(url: string, kill: () => Promise<unknown>): Promise<void> {
  await fill(url, 200)
  const words = ['--seconds', String(SECONDS), '--concurrency', '8', '--mix', MIX]
  const during = async (): Promise<void> => {
    await pause((SECONDS * 1_000) / 3)
    await kill()
  }
  const done = await underWorkload(url, { words, during })
  assert.ok(done > 100, `${done} transactions have ended`)
  console.log(`  ${done} transactions`)
}

/** Certificates of one authority for the names of containers: a folder each, as `--tls` reads it. */
function certificates(names: readonly string[]): (name: string) => string {
  const tls = join(folder, 'tls')
  mkdirSync(tls)
  const openssl = (...words: readonly string[]): void =>
    void execFileSync('openssl', words, { cwd: tls, stdio: ['ignore', 'ignore', 'pipe'] })
  const key = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-days', '2']
  openssl('req', '-x509', ...key, '-subj', '/CN=shop', '-keyout', 'ca.key', '-out', 'ca.crt')
  for (const one of names) {
    mkdirSync(join(tls, one))
    openssl('req', ...key, '-subj', `/CN=${one}`, '-keyout', `${one}/tls.key`, '-out', 'request')
    writeFileSync(join(tls, 'extensions'), `subjectAltName=DNS:${one}`)
    const signed = ['-CA', 'ca.crt', '-CAkey', 'ca.key', '-CAcreateserial', '-days', '2', '-extfile', 'extensions']
    openssl('x509', '-req', '-in', 'request', ...signed, '-out', `${one}/tls.crt`)
    writeFileSync(join(tls, one, 'ca.crt'), readFileSync(join(tls, 'ca.crt')))
    // The user of the image reads it.
    chmodSync(join(tls, one, 'tls.key'), 0o644)
  }
  return (one) => join(tls, one)
}

/** On loopback alone, what listens on 8080 in its container. */
async function published(): Promise<{ readonly url: string; readonly options: readonly string[] }> {
  const port = await freePort()
  const options = ['--publish', `127.0.0.1:${port}:8080`, '--env', `PAYMENT_PROVIDER_URL=${PROVIDER}`]
  return { url: `http://127.0.0.1:${port}`, options }
}

async function byPodman(): Promise<void> {
  const parts = ['broker', ...marketplace.services.map(({ contract }) => contract.name), 'doors']
  const { url, options } = await published()
  await check(
    `podman: a registry and ${parts.length} parts, a container each, find each other by name and over TLS`,
    async () => {
      const folderOf = certificates(parts)
      await begin('registry', ['registry', 'start', '--host', '0.0.0.0', '--data', '/data'])
      for (const part of parts) {
        const words = ['start', part, '--registry', 'http://registry:8761/eureka', '--tls', '/tls']
        if (part !== 'doors') words.push('--listen', '0.0.0.0', '--advertise', part)
        const tls = ['--volume', `${folderOf(part)}:/tls:ro`]
        await begin(part, words, part === 'doors' ? [...tls, ...options] : [...tls, ...options.slice(2)])
      }
      await ready(url, ['registry', ...parts])
    },
  )
  await check('podman: under the workload stock is killed, and 23 of 23 invariants hold', () => holds(url, () => crash('stock')))
  await podman('rm', '--force', 'registry', ...parts)
}

/** What the documents of a release run. */
type Played = {
  readonly probes: readonly (readonly string[])[]
  /** The documents that podman knows, as it can take them. */
  readonly text: string
}

/**
 * Services, budgets and accounts are of a cluster: podman knows none. podman 4.3 asks a probe through a shell, which the image has not, so probes are asked here
 * as a kubelet asks them; and it opens a pod's port on all addresses, unless it is told.
 */
function playable(documents: readonly KubernetesObject[]): Played {
  type Probe = { readonly exec: { readonly command: readonly string[] } }
  type Container = Record<'livenessProbe' | 'readinessProbe' | 'startupProbe', Probe | undefined> & { ports: object[] }
  const known = structuredClone(documents.filter(({ kind }) => kind === 'ConfigMap' || kind === 'Deployment'))
  const spec = known.at(-1)!['spec'] as { readonly template: { readonly spec: { readonly containers: Container[] } } }
  const [container] = spec.template.spec.containers
  const { livenessProbe, readinessProbe, startupProbe, ports } = container!
  container!.livenessProbe = undefined
  container!.ports = ports.map((port) => ({ ...port, hostIP: '127.0.0.1' }))
  return {
    probes: [startupProbe, readinessProbe, livenessProbe].map((probe) => probe!.exec.command),
    text: kubernetesText(known),
  }
}

async function byKubePlay(): Promise<void> {
  const port = await freePort()
  const release = describeRelease(marketplace, { version: '1.0.0', image: { digest, reference: `${name}:1.0.0` } })
  const wanted = { release, copies: 1, settings: { PAYMENT_PROVIDER_URL: PROVIDER } }
  const { probes, text } = playable(kubernetesDocuments(wanted, { namespace: 'shop', port, memory: '512Mi', probes: 'exec' }))
  const file = join(folder, 'marketplace.yaml')
  writeFileSync(file, text)
  const url = `http://127.0.0.1:${port}`
  let container = ''
  await check('kube play: the documents of the release run, and their probes are content', async () => {
    await podman('kube', 'play', '--tls-verify=false', '--network', network, file)
    container = await podman('ps', '--filter', 'name=-pod-0-', '--format', '{{.Names}}')
    await ready(url, [container])
    for (const probe of probes) await podman('exec', container, ...probe)
  })
  await check('kube play: under the workload the pod’s container is killed, and 23 of 23 invariants hold', () =>
    holds(url, () => crash(container)),
  )
  await podman('kube', 'down', file)
}

async function bySupervisor(): Promise<void> {
  const { url, options } = await published()
  await check('supervisor: a process for each service in one container', async () => {
    await begin('split', ['start', '--split'], options)
    await ready(url, ['split'])
  })
  const kill = `
    const { processes } = JSON.parse(require('node:fs').readFileSync('/data/supervisor.json', 'utf8'))
    process.kill(processes.find(({ name }) => name === 'stock').pid, 'SIGKILL')`
  await check('supervisor: under the workload the process of stock is killed, and 23 of 23 invariants hold', () =>
    holds(url, () => podman('exec', 'split', '/usr/bin/node', '--eval', kill)),
  )
  await podman('rm', '--force', 'split')
}

try {
  await check('the image of the marketplace is in a registry, from which podman has it', async () => {
    await pushImage(`${name}:1.0.0`, { layout, tag: 'shop' })
    await podman('pull', '--quiet', '--tls-verify=false', image)
  })
  await podman('network', 'create', network)
  const provider = ['provider/main.ts', '--host', '0.0.0.0', '--file', '/data/charges.sqlite']
  const ways = { podman: byPodman, kube: byKubePlay, supervisor: bySupervisor }
  for (const [way, run] of Object.entries(ways)) {
    if (named.length > 0 && !named.includes(way)) continue
    // With books of its own: another marketplace's orders have the same numbers, and one key is good for one charge.
    await begin('provider', provider, ['--entrypoint', '["/usr/bin/node","--conditions=dure-source"]'])
    await run()
    await podman('rm', '--force', 'provider')
    await podman('volume', 'rm', 'provider')
  }
} finally {
  await podman('pod', 'rm', '--all', '--force').catch(() => '')
  await close()
  await podman('network', 'rm', '--force', network).catch(() => '')
  await registry.kill()
  rmSync(folder, { recursive: true, force: true })
}
