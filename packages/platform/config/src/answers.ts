/** What an environment is on the wire. */
import type { ConfigValue } from 'dure/config'
import type { Environment } from './environment.ts'

/** The type that Spring's client asks for: each value comes with where it is written. */
export const WITH_ORIGINS = 'application/vnd.spring-cloud.config-server.v2+json'

export function environmentText({ wanted, version, sources }: Environment, { origins }: { readonly origins: boolean }): string {
  const written = ({ value, line, secret }: ConfigValue): unknown => {
    const plain = value ?? ''
    // Spring does not say where a value stands that was decrypted.
    return origins && secret !== true ? { value: plain, origin: String(line ?? 1) } : plain
  }
  return JSON.stringify({
    name: wanted.application,
    profiles: [wanted.profile],
    label: wanted.label ?? null,
    version,
    state: '',
    propertySources: sources.map(({ name, values }) => ({
      name,
      source: Object.fromEntries([...values].map(([key, found]) => [key, written(found)])),
    })),
  })
}
