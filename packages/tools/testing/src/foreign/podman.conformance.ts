import { execFile, spawnSync } from 'node:child_process'
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { promisify } from 'node:util'

const run = promisify(execFile)
const LONGEST = 64 << 20

/** For `test('…', { skip: podmanMissing })`: false when podman can run containers here. */
export const podmanMissing: string | false =
  process.getuid?.() === 0 && spawnSync('podman', ['--version']).status === 0 ? false : 'needs server: podman'

/** podman with a store of its own. Where limits may not be raised, containers begin with lower ones. */
export function openPodman(folder: string): {
  readonly podman: (...args: readonly string[]) => Promise<string>
  /** The program, its first words and its environment, for whoever runs it by itself. */
  readonly words: readonly string[]
  readonly env: Readonly<Record<string, string>>
  readonly close: () => Promise<void>
} {
  const file = join(folder, 'containers.conf')
  mkdirSync(folder, { recursive: true })
  writeFileSync(
    file,
    [
      '[containers]\ndefault_ulimits=["nofile=20000:20000","nproc=20000:20000"]',
      '[engine]\nruntime="runc"\ncgroup_manager="cgroupfs"\n[engine.runtimes]\nrunc=["/usr/sbin/runc","/usr/bin/runc"]\n',
    ].join('\n'),
  )
  const own = ['--root', join(folder, 'root'), '--runroot', join(folder, 'run')]
  const env = { CONTAINERS_CONF: file }
  const podman = async (...args: readonly string[]): Promise<string> => {
    const { stdout } = await run('podman', [...own, ...args], {
      maxBuffer: LONGEST,
      env: { ...process.env, ...env },
    })
    return stdout.trim()
  }
  return {
    podman,
    words: ['podman', ...own],
    env,
    close: async () => {
      await podman('rm', '--all', '--force', '--volumes').catch(() => '')
      await podman('rmi', '--all', '--force').catch(() => '')
    },
  }
}
