import { spawnSync } from 'node:child_process'

/** Installs a package of a system like Debian; says why not where it cannot. */
export function installPackage(name: string): string | undefined {
  const root = process.getuid?.() === 0
  const run = (...words: readonly string[]): boolean => {
    const [program, ...rest] = root ? words : ['sudo', '-n', ...words]
    return (
      spawnSync(program!, rest, {
        stdio: ['ignore', 'ignore', 'inherit'],
        env: { ...process.env, DEBIAN_FRONTEND: 'noninteractive' },
      }).status === 0
    )
  }
  if (spawnSync('apt-get', ['--version'], { stdio: 'ignore' }).status !== 0)
    return `no apt-get here: install ${name} by other means`
  const install = (): boolean => run('apt-get', 'install', '-y', '-qq', '--no-install-recommends', name)
  // The lists of what there is may be missing or old.
  if (install() || (run('apt-get', 'update') && install())) return undefined
  return `apt-get could not install ${name}${root ? '' : ' (it takes root, or sudo without a password)'}`
}
