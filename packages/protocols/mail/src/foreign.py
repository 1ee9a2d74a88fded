"""What Python's own clients do: `foreign.py smtp PORT CA | lmtp PORT USER FROM TO | imap PORT CA USER | pop3 PORT USER | soap SMTP IMAP CA USER`; a line of JSON."""
import email, email.message, imaplib, json, poplib, smtplib, ssl, sys, time
import email.mime.text, xml.etree.ElementTree as etree


def letter(subject, ident):
    mail = email.message.EmailMessage()
    mail["From"], mail["To"], mail["Subject"], mail["Message-ID"] = "sori@home.example", "desk@shop.example", subject, ident
    mail.set_content("안녕하세요\n")
    return mail


def smtp(port, ca):
    seen = {}
    context = ssl.create_default_context(cafile=ca)
    with smtplib.SMTP("localhost", int(port)) as client:
        client.ehlo()
        seen["size"] = client.esmtp_features["size"]
        mail = letter("주문 7", "<smtplib@home.example>")
        mail.add_attachment(b"%PDF", maintype="application", subtype="pdf", filename="주문.pdf")
        seen["refused"] = client.send_message(mail)
        try:
            client.send_message(letter("nonsense", "<bad@home.example>"))
        except smtplib.SMTPDataError as error:
            seen["nonsense"] = error.smtp_code
        try:
            client.sendmail("sori@home.example", ["nobody@shop.example"], "x")
        except smtplib.SMTPRecipientsRefused as error:
            seen["nobody"] = error.recipients["nobody@shop.example"][0]
    with smtplib.SMTP("localhost", int(port)) as client:
        client.starttls(context=context)
        try:
            client.login("sori", "wrong")
        except smtplib.SMTPAuthenticationError as error:
            seen["wrong"] = error.smtp_code
        client.login("sori", "secret")
        client.send_message(letter("locked", "<locked@home.example>"), to_addrs=["safe@shop.example"])
    return seen


def lmtp(port, user, first, last):
    """Sends until each has been taken: what breaks off is sent again, with the same id."""
    again = 0
    waiting = list(range(int(first), int(last)))
    while waiting:
        try:
            with smtplib.LMTP("localhost", int(port)) as client:
                while waiting:
                    n = waiting[0]
                    client.send_message(letter(f"mail {n}", f"<{n}@home.example>"), to_addrs=[user])
                    waiting.pop(0)
        except (OSError, smtplib.SMTPException):
            again += 1
            time.sleep(0.2)
    return {"again": again}


def imap(port, ca, user):
    client = imaplib.IMAP4_SSL("localhost", int(port), ssl_context=ssl.create_default_context(cafile=ca))
    client.login(user, "secret")
    client.select("INBOX", readonly=True)
    seen = len(client.search(None, "SEEN")[1][0].split())
    heads = client.fetch("1:*", "(BODY.PEEK[HEADER])")[1]
    mails = [email.message_from_bytes(one[1]) for one in heads if isinstance(one, tuple)]
    return {"seen": seen, "ids": [one["Message-ID"] for one in mails], "submitted": sorted({one["Auto-Submitted"] or "" for one in mails})}


def pop3(port, user):
    client = poplib.POP3("localhost", int(port))
    client.user(user)
    client.pass_("secret")
    return {"left": client.stat()[0]}


SOAP = {"1.1": "http://schemas.xmlsoap.org/soap/envelope/", "1.2": "http://www.w3.org/2003/05/soap-envelope"}


def soap(smtp_port, imap_port, ca, user):
    """Sends envelopes, the second twice, and waits for an answer to each; {Message-ID: what the answer says}."""
    take = '<take xmlns="urn:dure:stock:1"><id>7</id><pieces>%s</pieces></take>'
    calls = [
        ("1.1", '<find xmlns="urn:dure:stock:1"><id>일곱</id></find>'),
        ("1.1", take % 2),
        ("1.2", take % 3),
        ("1.1", '<sell xmlns="urn:dure:stock:1"/>'),
    ]
    with smtplib.SMTP("localhost", int(smtp_port)) as client:
        for n, (version, content) in enumerate(calls, 1):
            text = f'<e:Envelope xmlns:e="{SOAP[version]}"><e:Body>{content}</e:Body></e:Envelope>'
            mail = email.mime.text.MIMEText(text, "xml", "utf-8")
            if version == "1.2":
                mail.replace_header("Content-Type", "application/soap+xml; charset=utf-8")
            mail["From"], mail["To"], mail["Subject"], mail["Message-ID"] = "sori@home.example", "stock@shop.example", "call", f"<{n}@home.example>"
            for _ in range(2 if n == 2 else 1):
                client.send_message(mail)
    client = imaplib.IMAP4_SSL("localhost", int(imap_port), ssl_context=ssl.create_default_context(cafile=ca))
    client.login(user, "secret")
    mails = []
    while len(mails) < len(calls):
        time.sleep(0.1)
        client.select("INBOX", readonly=True)
        found = client.fetch("1:*", "(BODY.PEEK[])")[1] if client.search(None, "ALL")[1][0] else []
        mails = [email.message_from_bytes(one[1]) for one in found if isinstance(one, tuple)]
    seen = {}
    for mail in mails:
        assert mail["In-Reply-To"] not in seen, "answered twice"
        text = "".join(etree.fromstring(mail.get_payload(decode=True)).itertext())
        for known in ("일곱", "2 are left", "no such operation"):
            if known in text:
                text = known
        seen[mail["In-Reply-To"]] = {"type": mail.get_content_type(), "text": text}
    return seen


print(json.dumps({"soap": soap, "smtp": smtp, "lmtp": lmtp, "imap": imap, "pop3": pop3}[sys.argv[1]](*sys.argv[2:])))
