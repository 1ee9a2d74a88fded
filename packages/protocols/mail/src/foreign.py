"""What Python's own clients do: `foreign.py smtp PORT CA | lmtp PORT USER FROM TO | imap PORT CA USER | pop3 PORT USER`; a line of JSON."""
import email, email.message, imaplib, json, poplib, smtplib, ssl, sys, time


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


print(json.dumps({"smtp": smtp, "lmtp": lmtp, "imap": imap, "pop3": pop3}[sys.argv[1]](*sys.argv[2:])))
