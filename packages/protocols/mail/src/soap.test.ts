import assert from 'node:assert/strict'
import { test } from 'node:test'
import { simpleParser, type ParsedMail } from 'mailparser'
import { deliver, speaker } from './post.test-support.ts'
import { relay } from './relay.test-support.ts'
import { soapPost } from './soap.test-support.ts'

const SOAP = { '1.1': 'http://schemas.xmlsoap.org/soap/envelope/', '1.2': 'http://www.w3.org/2003/05/soap-envelope' }
const envelope = (content: string, version: keyof typeof SOAP = '1.1'): string =>
  `<e:Envelope xmlns:e="${SOAP[version]}"><e:Body>${content}</e:Body></e:Envelope>`
const take = (id: string, pieces: number | string): string =>
  envelope(`<take xmlns="urn:dure:stock:1"><id>${id}</id><pieces>${pieces}</pieces></take>`)

const head = (id: string): string[] => [
  'From: Sori <sori@home.example>',
  'To: stock@shop.example',
  'Subject: a call',
  `Message-ID: <${id}>`,
]
/** As the body of a mail, or as its attachment. */
const mailOf = (id: string, xml: string, type = 'text/xml'): string =>
  [...head(id), `Content-Type: ${type}; charset=utf-8`, '', xml].join('\r\n')
const attached = (id: string, xml: string, type: string): string =>
  [
    ...[
      ...head(id),
      'MIME-Version: 1.0',
      'Content-Type: multipart/mixed; boundary=b',
      '',
      '--b',
      '',
      'Please see the attachment',
      '--b',
    ],
    ...[`Content-Type: ${type}`, 'Content-Disposition: attachment; filename=call.xml', '', xml, '--b--'],
  ].join('\r\n')

test('an envelope that comes by mail is answered by one mail, with what HTTP would have been answered', async (t) => {
  const { port, taken } = await relay(t)
  const { url, done } = await soapPost(t, { port })
  const client = await speaker(t, url)
  const send = (text: string): Promise<string> => deliver(client, text, { to: 'stock@shop.example' })
  const answers = new Map<string, ParsedMail & { readonly xml: string }>()
  const answerTo = async (id: string): Promise<ParsedMail & { readonly xml: string }> => {
    for (;;) {
      for (const { bytes } of taken.splice(0)) {
        const read = await simpleParser(Buffer.from(bytes, 'latin1'))
        assert.ok(!answers.has(read.inReplyTo!), `${read.inReplyTo} is answered twice`)
        answers.set(read.inReplyTo!, Object.assign(read, { xml: read.attachments[0]!.content.toString() }))
      }
      const found = answers.get(`<${id}>`)
      if (found !== undefined) return found
      await new Promise((resolve) => setTimeout(resolve, 5))
    }
  }

  const find = envelope('<find xmlns="urn:dure:stock:1"><id>일곱</id></find>')
  assert.match(await send(mailOf('1@home.example', find)), /^250 /)
  const found = await answerTo('1@home.example')
  assert.match(found.xml, /<findResponse xmlns="urn:dure:stock:1"><result><id>일곱<\/id><since>2026-11-30T08:15:00.000Z<\/since>/)
  assert.deepEqual(
    [found.subject, found.from?.text, found.headers.get('auto-submitted'), found.attachments[0]!.contentType],
    ['Re: a call', '"Stock" <stock@shop.example>', 'auto-replied', 'text/xml'],
  )

  // The same mail once more, as from a client that did not hear the answer of SMTP.
  const twice = mailOf('2@home.example', take('7', 1))
  assert.match(await send(twice), /^250 /)
  assert.match(await send(twice), /^250 /)
  assert.match((await answerTo('2@home.example')).xml, /<result>1<\/result>/)

  assert.match(await send(mailOf('3@home.example', take('7', 3))), /^250 /)
  assert.match((await answerTo('3@home.example')).xml, /<faultcode>soap:Client<.*2 are left.*<left>2<\/left>/)
  assert.match(await send(mailOf('4@home.example', take('7', 'many'))), /^250 /)
  assert.match((await answerTo('4@home.example')).xml, /code="INVALID_ARGUMENT".*path="pieces"/)
  assert.match(await send(mailOf('5@home.example', '<e:Envelope>')), /^250 /)
  assert.match((await answerTo('5@home.example')).xml, /<faultcode>soap:Client<.*Cannot read the request as XML/)
  const other = attached('6@home.example', envelope('<sell xmlns="urn:dure:stock:1"/>', '1.2'), 'application/soap+xml')
  assert.match(await send(other), /^250 /)
  const sold = await answerTo('6@home.example')
  assert.match(sold.xml, /<soap:Value>soap:Sender<.*has no such operation/)
  assert.equal(sold.attachments[0]!.contentType, 'application/soap+xml')

  // What fails for a while is no fault: the mail comes again.
  const later = mailOf('7@home.example', take('later', 2))
  assert.match(await send(later), /^451 4\.3\.2 UNAVAILABLE/)
  assert.match(await send(later), /^451 /)
  assert.match(await send(later), /^250 /)
  assert.match((await answerTo('7@home.example')).xml, /<result>2<\/result>/)
  assert.match(await send(mailOf('8@home.example', 'Hello', 'text/plain')), /^554 5\.6\.0 .*it has no envelope/)
  assert.deepEqual([done, answers.size], [[1, 2], 7])
})
