import { createRequire } from 'node:module'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import type { System } from 'dure/service'
import { CliError, type Shell } from '../shell.ts'

type Library = typeof import('@dure/registry')
type Etcd = typeof import('@dure/etcd')
type Kubernetes = typeof import('@dure/kubernetes')

const REGISTRIES = 'a service registry'
export const DEFAULT_URL: string = 'http://127.0.0.1:8761/eureka'
/** The registry that is meant, where no list of processes shows its password. */
export const REGISTRY: string = 'DURE_REGISTRY'

/** The registry that is meant: said in the command, or in the environment. */
export const registryUrl = (shell: Shell, given: string | undefined): string | undefined => given ?? shell.process.env?.[REGISTRY]

export const registryLibrary = (shell: Shell): Promise<Library> => library<Library>(shell, REGISTRIES, '@dure/registry')

/** Which registry is at a url is said by its scheme. @throws {CliError} when its package is not installed, {TypeError} when it is no url */
export async function registryAt(shell: Shell, url: string): Promise<NonNullable<System['registry']>> {
  if (/^etcds?:/.test(url)) return (await library<Etcd>(shell, REGISTRIES, '@dure/etcd')).etcdRegistry({ url })
  if (url.startsWith('kubernetes:')) {
    const { hostname, searchParams } = new URL(url)
    const selector = searchParams.get('selector')
    const { kubernetesRegistry } = await library<Kubernetes>(shell, REGISTRIES, '@dure/kubernetes')
    return kubernetesRegistry({ ...(hostname !== '' && { namespace: hostname }), ...(selector !== null && { selector }) })
  }
  return (await registryLibrary(shell)).eurekaRegistry({ url })
}

/** The project's own: who has a registry, or a gateway, has it. @throws {CliError} when it is not installed */
export async function library<T>({ cwd }: Shell, what: string, name: string): Promise<T> {
  try {
    return (await import(pathToFileURL(createRequire(join(cwd, 'package.json')).resolve(name)).href)) as T
  } catch (cause) {
    throw new CliError(`Cannot use ${what}: "${name}" is not installed here; run: npm install ${name}`, { cause })
  }
}
