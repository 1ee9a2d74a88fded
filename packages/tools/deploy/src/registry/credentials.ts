import { readFileSync } from 'node:fs'
import { join } from 'node:path'

type Environment = Readonly<Partial<Record<string, string>>>

/**
 * Who one is at a registry, as `podman login` and `docker login` have written it down: `REGISTRY_AUTH_FILE`, podman's file, docker's file. Helpers that
 * keep passwords elsewhere are not asked.
 *
 * @example
 * ```ts
 * import { credentialsFor } from '@dure/deploy'
 *
 * console.log(credentialsFor('registry.example.org', { HOME: '/nowhere' })) // → undefined
 * ```
 */
export function credentialsFor(
  host: string,
  environment: Environment,
): { readonly username: string; readonly password: string } | undefined {
  const { REGISTRY_AUTH_FILE: named, XDG_RUNTIME_DIR: runtime, DOCKER_CONFIG: docker, HOME: home } = environment
  const files = [
    named,
    runtime && join(runtime, 'containers/auth.json'),
    home && join(home, '.config/containers/auth.json'),
    docker ? join(docker, 'config.json') : home && join(home, '.docker/config.json'),
  ]
  for (const file of files) {
    const found = file === undefined || file === '' ? undefined : authIn(file, host)
    if (found !== undefined) return found
  }
  return undefined
}

function authIn(file: string, host: string): { readonly username: string; readonly password: string } | undefined {
  try {
    const { auths } = JSON.parse(readFileSync(file, 'utf8')) as { auths?: Readonly<Record<string, { readonly auth?: unknown }>> }
    const auth = (auths?.[host] ?? auths?.[`https://${host}`])?.auth
    const [, username, password] =
      /^([^:]+):(.*)$/s.exec(typeof auth === 'string' ? Buffer.from(auth, 'base64').toString() : '') ?? []
    return username === undefined || password === undefined ? undefined : { username, password }
  } catch {
    // Not there, or not of this form: the next may be.
    return undefined
  }
}
