# Who writes is who has logged in; what servers would obey is not taken from users. An empty answer lets an article pass.
# An error in here would switch the filter off (hook-perl), so nothing in it can fail.
sub filter_post {
    my $from = defined $hdr{'From'} ? $hdr{'From'} : '';
    my $address = '';
    if ($from =~ /\A[^<>]*<([^<>\s]+)>\s*\z/ or $from =~ /\A\s*([^<>()\s]+)\s*(?:\([^()]*\))?\s*\z/) {
        $address = lc $1;
    }
    if (not defined $user or $user eq '' or $address ne lc $user) {
        return 'From: must hold the address you have logged in with';
    }
    foreach my $name (keys %hdr) {
        if ($name =~ /\A(?:Control|Supersedes|Also-Control|Approved)\z/i) {
            return "$name: is not taken here";
        }
    }
    return '';
}
1;
