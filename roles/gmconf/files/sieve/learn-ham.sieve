require ["vnd.dovecot.pipe", "copy", "imapsieve", "environment", "variables"];

# Throwing spam away does not make it good.
if environment :matches "imap.mailbox" "*" {
  set "mailbox" "${1}";
}
if string "${mailbox}" "Trash" {
  stop;
}
pipe :copy "rspamc-learn" ["learn_ham"];
