/** Opens the authority of the folder that its argument names, and says whose it is. */
import { openAuthority } from './authority.ts'

const [directory = ''] = process.argv.slice(2)
// As many as can be make it at once: they begin when they are told to.
process.stdin.once('data', () => {
  const { issuer } = openAuthority({ directory, system: 'shop', clock: { now: Date.now } })
  console.log(issuer.fingerprint256)
  process.stdin.destroy()
})
console.log('ready')
