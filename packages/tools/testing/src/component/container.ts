import { spawnSync } from 'node:child_process'
import { realRuntime } from 'dure/runtime'
import { beginChild } from './child.ts'
import type { Place } from './place.ts'

export type ContainerOptions = {
  /** As the engine knows it: one that `dure image build` made, or any whose program is the `dure` command. */
  readonly image: string
  /** The system file in the image. Default: the one that its package.json names, else `system.ts`. */
  readonly file?: string
  /** Environment of the services: where their database and their broker are. */
  readonly env?: Readonly<Record<string, string>>
  /** The engine, as Docker's command line is: a program, and its first words. Default `podman`. */
  readonly engine?: string | readonly string[]
  /** Further words of its `run`: `['--memory', '256m']`. */
  readonly options?: readonly string[]
}

/**
 * A container of their image for services under test. It can write nothing but the test's folder, has no right of root, and shares with the test the
 * network, so that a server on loopback is reached, the processes and the user: by these the parts of a system on one machine know each other.
 *
 * @example
 * ```ts
 * import { container } from '@dure/testing'
 *
 * // testSystem(orders, { in: place, fakes })
 * const place = container({ image: 'localhost/shop/orders:1.4.0', engine: 'docker' })
 * console.log(place.name) // → a container of localhost/shop/orders:1.4.0
 * ```
 */
export function container({ image, file, env = {}, engine = 'podman', options = [] }: ContainerOptions): Place {
  const [program = 'podman', ...words] = [engine].flat()
  return {
    name: `a container of ${image}`,
    begin: async ({ directory, services, onLine }) => {
      const name = `dure-test-${realRuntime().ids.next()}`
      const user = `${process.getuid?.() ?? 0}:${process.getgid?.() ?? 0}`
      const shared = [
        '--network',
        'host',
        '--pid',
        'host',
        '--uts',
        'host',
        '--user',
        user,
        '--volume',
        `${directory}:${directory}`,
      ]
      const run = [
        ...['run', '--rm', '--init=false', '--interactive', '--name', name, '--read-only', '--cap-drop', 'all', ...shared],
        ...Object.entries(env).flatMap(([key, value]) => ['--env', `${key}=${value}`]),
        ...options,
        // `dev` keeps all spans.
        ...[image, 'start', ...(file === undefined ? [] : [file]), ...services, '--data', directory, '--log', 'dev'],
      ]
      // What is told the engine's client, the container need not hear.
      const signal = (kind: NodeJS.Signals): void =>
        void spawnSync(program, [...words, 'kill', '--signal', kind.replace('SIG', ''), name], { stdio: 'ignore' })
      return beginChild([program, ...words, ...run], { onLine }, { signal })
    },
  }
}
