import { DeployError } from '../errors.ts'

/** Where an image is in a registry. */
export type ImageReference = { readonly host: string; readonly repository: string; readonly tag: string }

const REPOSITORY = /^[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*(?:\/[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*)*$/

/**
 * Reads `HOST[:PORT]/NAME[:TAG]`, by the rules of OCI Distribution 1.1; without a tag it is `latest`. There is no host that is meant when none is said.
 * @throws {DeployError} `REGISTRY`
 *
 * @example
 * ```ts
 * import { readReference } from '@dure/deploy'
 *
 * console.log(readReference('127.0.0.1:5000/shop/orders:1.4.0')) // → { host: '127.0.0.1:5000', repository: 'shop/orders', tag: '1.4.0' }
 * ```
 */
export function readReference(text: string): ImageReference {
  const [, host = '', rest = ''] = /^([^/]+)\/(.+)$/.exec(text) ?? []
  const [, repository = '', tag = 'latest'] = /^([^:@]+)(?::(\w[\w.-]{0,127}))?$/.exec(rest) ?? []
  const isHost =
    /[.:]|^localhost$/.test(host) &&
    URL.canParse(`http://${host}`) &&
    new URL(`http://${host}`).host !== '' &&
    !host.includes('@')
  if (isHost && repository.length <= 255 && REPOSITORY.test(repository)) return { host, repository, tag }
  throw new DeployError(
    'REGISTRY',
    `Cannot use "${text}" as the name of an image: write HOST[:PORT]/NAME[:TAG], such as registry.example.org/shop/orders:1.4.0`,
  )
}

export const isLoopback = (host: string): boolean => /^(?:localhost|127\.\d+\.\d+\.\d+|\[::1\])(?::\d+)?$/.test(host)
