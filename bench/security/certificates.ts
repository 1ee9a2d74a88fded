import type { Naming, Tls } from 'dure/call/internal'
import { keyText, newKeys, openAuthority } from 'dure/identity/internal'

/** Certificates of the system's own authority, which is kept in a folder for both processes. */
export function certificatesFor(directory: string, service: string): { readonly tls: Tls; readonly naming: Naming } {
  const authority = openAuthority({ directory, system: 'bench', clock: { now: Date.now } })
  const { publicKey, privateKey } = newKeys()
  const cert = authority.issue({ names: [service], publicKey, life: 86_400_000 })
  return { tls: { cert, key: keyText(privateKey), ca: authority.roots }, naming: { domain: 'bench', required: true } }
}
