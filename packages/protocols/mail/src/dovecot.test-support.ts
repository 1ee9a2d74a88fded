/** A Dovecot of one's own: mails in by LMTP, out by IMAP over TLS and by POP3, for any user whose password is `secret`. */
import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { connect, createServer } from 'node:net'
import { tmpdir, userInfo } from 'node:os'
import { join } from 'node:path'
import { keyText, newKeys, openAuthority } from 'dure/identity/internal'

export type Dovecot = {
  readonly ports: Readonly<Record<'imaps' | 'pop3' | 'lmtp', number>>
  /** Of `localhost`, with its key, in PEM. */
  readonly certificate: { readonly certificate: string; readonly key: string }
  /** The root that it comes from, in PEM and as a file. */
  readonly ca: string
  readonly caFile: string
  readonly restart: () => Promise<void>
  readonly stop: () => Promise<void>
}

export async function startDovecot(): Promise<Dovecot> {
  const directory = mkdtempSync(join(tmpdir(), 'dure-dovecot-'))
  const [imaps, pop3, lmtp] = [await freePort(), await freePort(), await freePort()]
  const authority = openAuthority({ directory: join(directory, 'authority'), system: 'mail', clock: { now: Date.now } })
  const { publicKey, privateKey } = newKeys()
  const file = (name: string, text: string): string => {
    writeFileSync(join(directory, name), text)
    return join(directory, name)
  }
  const certificate = {
    certificate: authority.issue({ names: ['localhost'], publicKey, life: 86_400_000 }),
    key: keyText(privateKey),
  }
  const crt = file('server.crt', certificate.certificate)
  const key = file('server.key', certificate.key)
  const caFile = file('ca.crt', authority.roots)
  const root = userInfo().uid === 0
  const [user, group, uid, gid] = root
    ? ['nobody', 'nogroup', 65_534, 65_534]
    : [userInfo().username, userInfo().username, userInfo().uid, userInfo().gid]
  for (const folder of ['run', 'mail']) {
    mkdirSync(join(directory, folder))
    chmodSync(join(directory, folder), 0o777)
  }
  chmodSync(directory, 0o755)
  const config = file(
    'dovecot.conf',
    `base_dir = ${directory}/run
state_dir = ${directory}/run
log_path = ${directory}/dovecot.log
protocols = imap pop3 lmtp
listen = 127.0.0.1
ssl = yes
ssl_cert = <${crt}
ssl_key = <${key}
disable_plaintext_auth = no
mail_location = maildir:${directory}/mail/%u
first_valid_uid = 1
default_internal_user = ${user}
default_login_user = ${user}
default_internal_group = ${group}
passdb {
  driver = static
  args = password=secret
}
userdb {
  driver = static
  args = uid=${uid} gid=${gid} home=${directory}/mail/%u
}
service imap-login {
  chroot =
  inet_listener imap {
    port = 0
  }
  inet_listener imaps {
    port = ${imaps}
    ssl = yes
  }
}
service pop3-login {
  chroot =
  inet_listener pop3 {
    port = ${pop3}
  }
  inet_listener pop3s {
    port = 0
  }
}
service anvil {
  chroot =
}
service lmtp {
  inet_listener lmtp {
    port = ${lmtp}
  }
}
`,
  )
  let running: ChildProcess
  const start = async (): Promise<void> => {
    running = spawn('/usr/sbin/dovecot', ['-F', '-c', config], { stdio: 'inherit' })
    for (const port of [imaps, pop3, lmtp]) while (!(await answers(port))) await pause()
  }
  const stop = async (): Promise<void> => {
    if (running.exitCode !== null || running.signalCode !== null) return
    running.kill('SIGTERM')
    await once(running, 'exit')
    for (const port of [imaps, pop3, lmtp]) while (await answers(port)) await pause()
  }
  await start()
  return {
    ...{ ports: { imaps, pop3, lmtp }, certificate, ca: authority.roots, caFile },
    stop: async () => {
      await stop()
      rmSync(directory, { recursive: true, force: true })
    },
    restart: async () => {
      await stop()
      await start()
    },
  }
}

const pause = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, 50))

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as { port: number }
  server.close()
  await once(server, 'close')
  return port
}

function answers(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1')
    socket.once('connect', () => resolve(true))
    socket.once('error', () => resolve(false))
    socket.once('connect', () => socket.destroy())
  })
}
