import { spawn } from 'node:child_process'

/**
 * Shows a page in the browser of whoever sits here; false where there is none, as on a server.
 * @param env BROWSER names a program of one's own
 */
export async function openBrowser(url: string, env: Readonly<Partial<Record<string, string>>>): Promise<boolean> {
  const command = commandFor(env, process.platform)
  if (command === undefined) return false
  const [program, ...args] = command
  const child = spawn(program, [...args, url], { stdio: 'ignore', detached: true })
  child.unref()
  return new Promise((resolve) => {
    child.once('spawn', () => resolve(true))
    child.once('error', () => resolve(false))
  })
}

function commandFor(
  env: Readonly<Partial<Record<string, string>>>,
  platform: NodeJS.Platform,
): readonly [string, ...string[]] | undefined {
  if (env['BROWSER']) return [env['BROWSER']]
  if (platform === 'darwin') return ['open']
  // `start` takes the first quoted word for a title.
  if (platform === 'win32') return ['cmd', '/c', 'start', '""']
  return env['DISPLAY'] || env['WAYLAND_DISPLAY'] ? ['xdg-open'] : undefined
}
